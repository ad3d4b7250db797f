#!/usr/bin/env bash
# From a trained localization model to boxes of a detector that learnt from it:
#   bash tools/journeys/detector.sh MODEL CHECKPOINT DETECTOR PHOTOGRAPHS OUT
# MODEL and DETECTOR are configs; that of the detector reads its labels in OUT.
# Ends with OUT/boxes/results.json, boxes of the photographs as COCO has them.
source "$(dirname "${BASH_SOURCE[0]}")/_steps.sh"
usage "$0" $# 5
model=$1 checkpoint=$2 detector=$3 photographs=$4 out=$5

tool pseudo_labels.py "$model" "$checkpoint" --out "$out"
tool train_detector.py "$detector" --work-dir "$out/detector"
trained=$(cat "$out/detector/last_checkpoint")
tool test_detector.py "$detector" "$trained" --work-dir "$out/tested" \
    --out "$out/detected.pkl"
tool localize.py "$photographs" --out "$out/boxes" --format coco csv \
    --model "$detector" --checkpoint "$trained"
