#!/usr/bin/env bash
# The tests with the pinned packages and with the newest ones, in a table.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
folder=$root/.releases
python=python3

usage() {
    cat <<EOF
Usage: bash tools/check_releases.sh [--dir DIR] [--python PYTHON]...
                                    [--only KIND] [--with PACKAGE]...
                                    [-- ARGS]

Makes two virtual environments for each Python, the pinned one
(tools/setup_env.sh) and the newest one (pip install ".[tests]" without the
constraints), runs the tests in each, and prints a table in Markdown. Exits
with 1 if an environment could not be made or a test failed. Each environment
takes up to 6 GB; those that are there are brought up to date.

  --dir DIR        where the environments and the logs lie (default: $folder)
  --python PYTHON  3.10 to 3.13; may be given several times (default: python3)
  --only KIND      one of the two environments: pinned or newest
  --with PACKAGE   is put into the newest environment too, and counted in the
                   table; may be given several times (for instance transformers)
  -- ARGS          arguments of pytest, for instance: -- -m 'not slow'
EOF
}

die() {
    echo "ERROR: $*" >&2
    exit 1
}

pythons=()
others=()
kinds=(pinned newest)
while [ $# -gt 0 ]; do
    case $1 in
        --dir | --python | --with)
            [ $# -ge 2 ] || die "$1 needs a value"
            case $1 in
                --dir) folder=$2 ;;
                --python) pythons+=("$2") ;;
                --with) others+=("$2") ;;
            esac
            shift 2
            ;;
        --only)
            case ${2:-} in pinned | newest) ;; *) die "--only: pinned or newest" ;; esac
            kinds=("$2")
            shift 2
            ;;
        --) shift && break ;;
        -h | --help) usage && exit 0 ;;
        *) usage >&2 && die "unknown argument: $1" ;;
    esac
done
[ ${#pythons[@]} -gt 0 ] || pythons=("$python")
case $folder in /*) ;; *) folder=$PWD/$folder ;; esac
cd "$root"
mkdir -p "$folder"
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

# make KIND VENV PYTHON
make_environment() {
    if [ "$1" = pinned ]; then
        bash tools/setup_env.sh --venv "$2" --python "$3"
        return
    fi
    [ -x "$2/bin/python" ] || "$3" -m venv "$2"
    "$2/bin/python" -m pip install --disable-pip-version-check --upgrade \
        --upgrade-strategy eager --editable '.[tests]' \
        ${others[@]+"${others[@]}"}
}

# Version of a distribution in an environment, or a dash.
version() {
    "$1/bin/python" -c "
from importlib.metadata import PackageNotFoundError, version
try:
    print(version('$2'))
except PackageNotFoundError:
    print('-')"
}

packages=(torch torchvision numpy opencv-python pillow numba transformers)
rows=$folder/table.md
{
    printf 'Commit %s, pytest %s\n\n' \
        "$(git describe --always --dirty 2>/dev/null || echo unknown)" "$*"
    printf '| Environment | Python '
    printf '| %s ' "${packages[@]}"
    printf '| Tests |\n| --- | --- '
    for _ in "${packages[@]}"; do printf '| --- '; done
    printf '| --- |\n'
} >"$rows"

status=0
for python in "${pythons[@]}"; do
    number=$("$python" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])')
    for kind in "${kinds[@]}"; do
        venv=$folder/$kind-$number
        log=$folder/$kind-$number.log
        echo "$kind, Python $number: $log"
        if ! make_environment "$kind" "$venv" "$python" >"$log" 2>&1; then
            status=1
            echo "| $kind | $number | no environment, see its log |" >>"$rows"
            continue
        fi
        "$venv/bin/python" -m pytest -n 2 --dist loadfile "$@" >>"$log" 2>&1 ||
            status=1
        {
            printf '| %s | %s ' "$kind" "$number"
            for package in "${packages[@]}"; do
                printf '| %s ' "$(version "$venv" "$package")"
            done
            # pytest's sum, without its frame; other lines may follow it.
            printf '| %s |\n' "$(grep -E '[0-9]+ [a-z]+.* in [0-9.]+s' "$log" |
                tail -n 1 | sed 's/^=* *//; s/ *=*$//')"
        } >>"$rows"
    done
done
cat "$rows"
exit $status
