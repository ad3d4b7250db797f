# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""A comparison whose tools take no time."""

import json
from pathlib import Path

import pytest
from mmengine.model import BaseModel
from mmpretrain.registry import MODELS
from synthetic_results import dump_results, make_results

COMPARISON = """
title: Two methods
baseline: tscam
methods:
  tscam: {config: 'tscam_{dataset}.py'}
  scm: {config: 'scm_{dataset}.py', options: {model: {head: {x: 1}}}}
datasets: [birds]
seeds: [26, 27]
test_epochs: [1]
"""
CONFIG = """
predictions = {predictions!r}
model = dict(type='ComparedModel', head=dict(type='Head'))
train_dataloader = dict(batch_size=8)
train_cfg = dict(max_epochs=2)
test_evaluator = dict(type='WSOLEvaluator', protocol=['scm', 'tscam'])
"""
#: Does what a tool does to files, and notes how it was called.
TOOL = """
import json, pathlib, re, shutil, sys
folder = pathlib.Path(__file__).resolve().parents[LEVELS]
with open(folder / 'calls.txt', 'a') as file:
    file.write(json.dumps(sys.argv[1:]) + '\\n')
if (folder / 'fail').exists():
    sys.exit('out of memory')
value = lambda name: sys.argv[sys.argv.index(name) + 1]
"""
TRAIN = """
print('Epoch(train) [1][1/2]  eta: 0:00:07')
work = pathlib.Path(value('--work-dir'))
for epoch in (1, 2):
    (work / f'epoch_{epoch}.pth').write_text('weights')
"""
TEST = """
base = re.search(r"'(.*)'", open(sys.argv[1]).readline())[1]
shutil.copy(re.search(r"predictions = '(.*)'", open(base).read())[1],
            value('--out'))
"""
LABELS = """
pathlib.Path(value('--out')).write_text(
    json.dumps(dict(chosen_by='labels', threshold=0.2, curve=[1])))
"""


@MODELS.register_module(force=True)
class ComparedModel(BaseModel):
    """It can be built, and knows one option of its head."""

    def __init__(self, head: dict) -> None:
        super().__init__()
        if unknown := set(head) - {'type', 'x'}:
            raise TypeError(f'unexpected {sorted(unknown)}')

    def forward(self, *args: object) -> None:
        """Nothing."""


class Bench:
    """Folders of a comparison, and what its tools were called with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tools = folder / 'tools'
        self.file = folder / 'two.yml'
        self.file.write_text(COMPARISON)
        (self.tools / 'analysis_tools').mkdir(parents=True)
        (folder / 'configs').mkdir()
        for name, body, levels in (
            ('train.py', TRAIN, 1),
            ('test.py', TEST, 1),
            ('analysis_tools/choose_threshold.py', LABELS, 2),
        ):
            head = TOOL.replace('LEVELS', str(levels))
            (self.tools / name).write_text(head + body)
        for seed, name in enumerate(('tscam', 'scm')):
            items = make_results(folder / 'pictures', 20, seed=seed)
            predictions = dump_results(folder / f'{name}.pkl', items)
            (folder / 'configs' / f'{name}_birds.py').write_text(
                CONFIG.format(predictions=predictions)
            )

    @property
    def calls(self) -> list[list[str]]:
        """Arguments of each tool that ran."""
        file = self.folder / 'calls.txt'
        lines = file.read_text().splitlines() if file.is_file() else []
        return [json.loads(line) for line in lines]

    def forget_calls(self) -> None:
        """Begin to note anew."""
        (self.folder / 'calls.txt').unlink(missing_ok=True)


@pytest.fixture
def bench(tmp_path) -> Bench:
    """A comparison of two methods with two seeds on one data set."""
    return Bench(tmp_path)
