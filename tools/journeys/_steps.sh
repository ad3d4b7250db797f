# What the journeys share: to be sourced.
set -euo pipefail
tools=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
root=$(dirname "$tools")

# tool FILE ARGUMENTS...: a tool, and how long it took
tool() {
    local begin=$SECONDS
    printf '\n== %s\n' "$1"
    "${PYTHON:-python}" "$tools/$1" "${@:2}"
    printf '== %s: %d s\n' "$1" $((SECONDS - begin))
}

# usage FILE ARGUMENTS COUNT: the head of the file, if there are too few
usage() {
    if [ "$2" -lt "$3" ]; then
        sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$1" >&2
        exit 2
    fi
}
