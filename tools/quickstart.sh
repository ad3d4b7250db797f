#!/usr/bin/env bash
# From nothing to a page of pictures: set up, make data, train, test, report.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv
usage() {
    cat <<EOF
Usage: bash tools/quickstart.sh [--venv DIR] [--compare]

Installs the tested packages into a virtual environment (see
tools/setup_env.sh --help), makes a small set of pictures, pretrains a
classifier on it, trains SCM from its weights, all with image labels only,
tests it, and writes a page of pictures.
What is done is skipped; to repeat a step, remove its result.

  --venv DIR   the environment (default: $venv)
  --compare    TS-CAM as well, from the same weights, on a page with SCM
EOF
}
methods=(scm)
page=report.html
while [ $# -gt 0 ]; do
    case $1 in
        --venv)
            venv=${2:?--venv needs a value}
            case $venv in /*) ;; *) venv=$PWD/$venv ;; esac
            shift 2
            ;;
        --compare) methods=(scm tscam) page=comparison.html && shift ;;
        -h | --help) usage && exit 0 ;;
        *) usage >&2 && exit 2 ;;
    esac
done
bash "$root/tools/setup_env.sh" --venv "$venv"

cd "$root"
python=$venv/bin/python
data=data/demo
# Where the configs of both methods look for their weights.
pretrained=work_dirs/classifier_vit-demo_demo
work=work_dirs/quickstart
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

# train NAME WORK_DIR: goes on where an interrupted run stopped
train() {
    mkdir -p "$2"
    "$python" tools/train.py "configs/$1_vit-demo_demo.py" \
        --work-dir "$2" --resume
    touch "$2/trained"
}

# test_checkpoint NAME WORK_DIR
test_checkpoint() {
    "$python" tools/test.py "configs/$1_vit-demo_demo.py" \
        "$(cat "$2/last_checkpoint")" --work-dir "$2/test" --out "$2/part.pkl"
    mv "$2/part.pkl" "$2/predictions.pkl"
}

step 'Data' "$data" "$python" tools/demo/make_dataset.py --out "$data"
step 'Pretraining' "$pretrained/trained" train classifier "$pretrained"
for name in "${methods[@]}"; do
    step "Training, $name" "$work/$name/trained" train "$name" "$work/$name"
    step "Test, $name" "$work/$name/predictions.pkl" \
        test_checkpoint "$name" "$work/$name"
done
predictions=("${methods[@]/#/$work/}")
step 'Page of pictures' "$work/$page" \
    "$python" tools/analysis_tools/report.py \
    "${predictions[@]/%//predictions.pkl}" --names "${methods[@]}" \
    --out "$work/$page" --title 'The demonstration dataset'

printf '\nEverything took %d s. Open %s\n' "$SECONDS" "$root/$work/$page"
