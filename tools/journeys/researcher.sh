#!/usr/bin/env bash
# From a config of a set with boxes to figures that can be reported:
#   bash tools/journeys/researcher.sh CONFIG OUT [options of train.py]
# ends with OUT/figures.json, of OUT/predictions.pkl and with thresholds that
# labels of training images chose, and the page OUT/report.html.
source "$(dirname "${BASH_SOURCE[0]}")/_steps.sh"
usage "$0" $# 2
config=$1 out=$2
shift 2

tool train.py "$config" --work-dir "$out" "$@"
checkpoint=$(cat "$out/last_checkpoint")
tool analysis_tools/choose_threshold.py "$config" "$checkpoint" \
    --out "$out/labels.json"
by_labels=(--work-dir "$out" --cfg-options
    test_evaluator.threshold.type=labels
    test_evaluator.threshold.file="$out/labels.json")
tool test.py "$config" "$checkpoint" --out "$out/predictions.pkl" \
    "${by_labels[@]}"
tool test.py "$config" "$checkpoint" --out "$out/figures.json" \
    --out-item metrics "${by_labels[@]}"
tool analysis_tools/report.py "$out/predictions.pkl" \
    --threshold "$out/labels.json" --out "$out/report.html"
