#!/usr/bin/env bash
# Test on a cluster that Slurm manages.
source "$(dirname "${BASH_SOURCE[0]}")/_slurm.sh"
usage 'CONFIG CHECKPOINT' test.py $#
run "$1" "$2" test.py "$3" "$4" --launcher=slurm "${@:5}"
