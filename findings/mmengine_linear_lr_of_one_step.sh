#!/usr/bin/env bash
# A warm-up of one step never ends: MMEngine's LinearLR stays at its start.
#
# The guess: LinearLR(start_factor=0.01, end=1) trains the first step at a
# hundredth of the rate and all others at the rate, as torch's own LinearLR of
# the same length does. MMEngine's reaches its end factor after end - 1 steps
# and stops being asked at step end, so that with end=1 (what a warm-up of one
# epoch becomes where a small set makes one batch) the whole training runs at
# a hundredth of the rate.
#
# Seen with onedl-mmengine 0.10.12 and torch 2.13.0 on Python 3.11:
#   MMEngine, end=1: [0.01, 0.01, 0.01, 0.01]
#   MMEngine, end=2: [0.01, 1.0, 1.0, 1.0]
#   torch, total_iters=1: [0.01, 1.0, 1.0, 1.0]
# Exits with 1 if that is no longer so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0 numpy==2.2.6 setuptools==80.9.0
"$folder/venv/bin/pip" install -q onedl-mmengine==0.10.12
cd "$folder"
venv/bin/python - <<'PYTHON'
import sys

import torch
from mmengine.optim import LinearLR

STEPS = 4


def rates(make):
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    scheduler = make(optimizer)
    found = []
    for _ in range(STEPS):
        found.append(round(optimizer.param_groups[0]['lr'], 6))
        optimizer.step()
        scheduler.step()
    return found


seen = {
    f'MMEngine, end={end}': rates(
        lambda o, end=end: LinearLR(o, 0.01, end=end, by_epoch=False)
    )
    for end in (1, 2)
}
seen['torch, total_iters=1'] = rates(
    lambda o: torch.optim.lr_scheduler.LinearLR(o, 0.01, total_iters=1)
)
for name, found in seen.items():
    print(f'{name}: {found}')
low, rises = [0.01] * STEPS, [0.01] + [1.0] * (STEPS - 1)
sys.exit(0 if list(seen.values()) == [low, rises, rises] else 1)
PYTHON
