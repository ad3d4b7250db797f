#!/usr/bin/env bash
# Train on a cluster that Slurm manages.
set -eu

if [ $# -lt 4 ]; then
    cat >&2 <<EOF
Usage: bash $0 PARTITION JOB_NAME CONFIG WORK_DIR [arguments of tools/train.py]

Environment: GPUS (8), GPUS_PER_NODE (8, or GPUS if that is less),
CPUS_PER_TASK (5), SRUN_ARGS (more arguments of srun), PYTHON (python).
EOF
    exit 2
fi
partition=$1
job_name=$2
config=$3
work_dir=$4
shift 4

gpus=${GPUS:-8}
gpus_per_node=${GPUS_PER_NODE:-$((gpus < 8 ? gpus : 8))}

# SRUN_ARGS is a list of words.
# shellcheck disable=SC2086
exec srun -p "$partition" \
    --job-name="$job_name" \
    --gres=gpu:"$gpus_per_node" \
    --ntasks="$gpus" \
    --ntasks-per-node="$gpus_per_node" \
    --cpus-per-task="${CPUS_PER_TASK:-5}" \
    --kill-on-bad-exit=1 \
    ${SRUN_ARGS:-} \
    "${PYTHON:-python}" -u "$(dirname "${BASH_SOURCE[0]}")/train.py" \
    "$config" --work-dir="$work_dir" --launcher=slurm "$@"
