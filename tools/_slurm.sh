# Start a tool of this folder on a cluster that Slurm manages: to be sourced.
set -eu

# usage ARGUMENTS TOOL COUNT: how the script is called, unless it has all four
usage() {
    if [ "$3" -lt 4 ]; then
        cat >&2 <<EOF
Usage: bash $0 PARTITION JOB_NAME $1 [arguments of tools/$2]

Environment: GPUS (8), GPUS_PER_NODE (8, or GPUS if that is less),
CPUS_PER_TASK (5), SRUN_ARGS (more arguments of srun), PYTHON (python).
EOF
        exit 2
    fi
}

# run PARTITION JOB_NAME TOOL ARGUMENTS...
run() {
    local gpus=${GPUS:-8}
    local gpus_per_node=${GPUS_PER_NODE:-$((gpus < 8 ? gpus : 8))}

    # SRUN_ARGS is a list of words.
    # shellcheck disable=SC2086
    exec srun -p "$1" \
        --job-name="$2" \
        --gres=gpu:"$gpus_per_node" \
        --ntasks="$gpus" \
        --ntasks-per-node="$gpus_per_node" \
        --cpus-per-task="${CPUS_PER_TASK:-5}" \
        --kill-on-bad-exit=1 \
        ${SRUN_ARGS:-} \
        "${PYTHON:-python}" -u "$(dirname "${BASH_SOURCE[0]}")/$3" "${@:4}"
}
