#!/usr/bin/env bash
# Train on a cluster that Slurm manages.
source "$(dirname "${BASH_SOURCE[0]}")/_slurm.sh"
usage 'CONFIG WORK_DIR' train.py $#
run "$1" "$2" train.py "$3" --work-dir="$4" --launcher=slurm "${@:5}"
