#!/usr/bin/env bash
# From nothing to a page of pictures: set up, make data, train, test, report.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv
usage() {
    cat <<EOF
Usage: bash tools/quickstart.sh [--venv DIR]

Installs the tested packages into a virtual environment (see
tools/setup_env.sh --help), makes a small set of pictures, trains SCM on it
with image labels only, tests the checkpoint, and writes a page of pictures.
What is done is skipped; to repeat a step, remove its result.

  --venv DIR   the environment (default: $venv)
EOF
}
while [ $# -gt 0 ]; do
    case $1 in
        --venv)
            venv=${2:?--venv needs a value}
            case $venv in /*) ;; *) venv=$PWD/$venv ;; esac
            shift 2
            ;;
        -h | --help) usage && exit 0 ;;
        *) usage >&2 && exit 2 ;;
    esac
done
bash "$root/tools/setup_env.sh" --venv "$venv"

cd "$root"
python=$venv/bin/python
config=configs/scm_vit-demo_demo.py
data=data/demo
work=work_dirs/quickstart
mkdir -p "$work"
# The model is small: more threads wait for each other longer than they work.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

# step TITLE RESULT COMMAND...: run the command unless its result exists
step() {
    local title=$1 result=$2 begin=$SECONDS
    shift 2
    if [ -e "$result" ]; then
        printf '\n== %s: done before (%s)\n' "$title" "$result"
        return
    fi
    printf '\n== %s\n' "$title"
    "$@"
    printf '== %s: %d s\n' "$title" $((SECONDS - begin))
}

train() {
    # Goes on where an interrupted run stopped.
    "$python" tools/train.py "$config" --work-dir "$work" --resume
    touch "$work/trained"
}

test_checkpoint() {
    "$python" tools/test.py "$config" "$(cat "$work/last_checkpoint")" \
        --work-dir "$work/test" --out "$work/part.pkl"
    mv "$work/part.pkl" "$work/predictions.pkl"
}

step 'Data' "$data" "$python" tools/demo/make_dataset.py --out "$data"
step 'Training' "$work/trained" train
step 'Test' "$work/predictions.pkl" test_checkpoint
step 'Page of pictures' "$work/report.html" \
    "$python" tools/analysis_tools/report.py "$work/predictions.pkl" \
    --out "$work/report.html" --title 'SCM on the demonstration dataset'

printf '\nEverything took %d s. Open %s\n' "$SECONDS" "$root/$work/report.html"
