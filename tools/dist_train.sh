#!/usr/bin/env bash
# Train on several processes of this machine, or of several machines.
set -eu

if [ $# -lt 2 ]; then
    cat >&2 <<EOF
Usage: bash $0 CONFIG GPUS [arguments of tools/train.py]

GPUS is the number of processes a machine, one per GPU (without a GPU: CPU
processes). Environment: NNODES (1), NODE_RANK (0), MASTER_ADDR (127.0.0.1),
PORT (29500, another for each run at the same time), PYTHON (python).
EOF
    exit 2
fi
config=$1
gpus=$2
shift 2

exec "${PYTHON:-python}" -m torch.distributed.run \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    --nproc_per_node="$gpus" \
    "$(dirname "${BASH_SOURCE[0]}")/train.py" \
    "$config" --launcher pytorch "$@"
