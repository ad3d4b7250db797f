#!/usr/bin/env bash
# Run the tests in the environment that tools/setup_env.sh makes.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv
if [ "${1:-}" = --help ]; then
    cat <<EOF
Usage: bash tools/run_tests.sh [--venv DIR] [arguments of pytest]

Completes the environment (see tools/setup_env.sh --help), then runs pytest
from $root: all tests but those of a minute or more, some
twelve minutes on two cores. Those: bash tools/run_tests.sh -m long
Without the slower ones: bash tools/run_tests.sh -m 'not slow'
EOF
    exit 0
fi
if [ "${1:-}" = --venv ]; then
    venv=${2:?--venv needs a value}
    case $venv in /*) ;; *) venv=$PWD/$venv ;; esac
    shift 2
fi

bash "$root/tools/setup_env.sh" --venv "$venv"
cd "$root"
# Two processes of one thread each: threads of small models mostly wait.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
exec "$venv/bin/python" -m pytest -n 2 --dist loadfile "$@"
