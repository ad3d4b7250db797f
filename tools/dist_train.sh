#!/usr/bin/env bash
# Train on several processes of this machine, or of several machines.
source "$(dirname "${BASH_SOURCE[0]}")/_dist.sh"
usage CONFIG train.py $# 2
run "$2" train.py "$1" --launcher pytorch "${@:3}"
