# Start a tool of this folder in several processes: to be sourced.
set -eu

# usage ARGUMENTS TOOL COUNT LEAST: how the script is called, with too few
usage() {
    if [ "$3" -lt "$4" ]; then
        cat >&2 <<EOF
Usage: bash $0 $1 GPUS [arguments of tools/$2]

GPUS is the number of processes a machine, one per GPU (without a GPU: CPU
processes). Environment: NNODES (1), NODE_RANK (0), MASTER_ADDR (127.0.0.1),
PORT (29500, another for each run at the same time), PYTHON (python).
EOF
        exit 2
    fi
}

# run GPUS TOOL ARGUMENTS...
run() {
    exec "${PYTHON:-python}" -m torch.distributed.run \
        --nnodes="${NNODES:-1}" \
        --node_rank="${NODE_RANK:-0}" \
        --master_addr="${MASTER_ADDR:-127.0.0.1}" \
        --master_port="${PORT:-29500}" \
        --nproc_per_node="$1" \
        "$(dirname "${BASH_SOURCE[0]}")/$2" "${@:3}"
}
