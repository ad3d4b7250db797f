#!/usr/bin/env bash
# Test on several processes of this machine, or of several machines.
set -eu

if [ $# -lt 3 ]; then
    cat >&2 <<EOF
Usage: bash $0 CONFIG CHECKPOINT GPUS [arguments of tools/test.py]

GPUS is the number of processes a machine, one per GPU (without a GPU: CPU
processes). Environment: NNODES (1), NODE_RANK (0), MASTER_ADDR (127.0.0.1),
PORT (29500, another for each run at the same time), PYTHON (python).
EOF
    exit 2
fi
config=$1
checkpoint=$2
gpus=$3
shift 3

exec "${PYTHON:-python}" -m torch.distributed.run \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    --nproc_per_node="$gpus" \
    "$(dirname "${BASH_SOURCE[0]}")/test.py" \
    "$config" "$checkpoint" --launcher pytorch "$@"
