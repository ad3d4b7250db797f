#!/usr/bin/env bash
# Test on several processes of this machine, or of several machines.
source "$(dirname "${BASH_SOURCE[0]}")/_dist.sh"
usage 'CONFIG CHECKPOINT' test.py $# 3
run "$3" test.py "$1" "$2" --launcher pytorch "${@:4}"
