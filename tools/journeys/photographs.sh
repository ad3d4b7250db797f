#!/usr/bin/env bash
# From class folders of photographs, without one box, to drafts of annotations:
#   bash tools/journeys/photographs.sh PHOTOGRAPHS OUT [options of scm-wsol train]
# ends with OUT/boxes (COCO, CSV, YOLO) and OUT/drafts/label_studio.json.
source "$(dirname "${BASH_SOURCE[0]}")/_steps.sh"
usage "$0" $# 2
photographs=$1 out=$2
shift 2

PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH} "${PYTHON:-python}" \
    -m projects.scm.cli.main train "$photographs" --out "$out" "$@"
tool localize.py "$photographs" --no-pictures --format label-studio \
    --model "$out"/*.py --checkpoint "$(cat "$out/training/last_checkpoint")" \
    --threshold "$out/threshold.json" --out "$out/drafts"
