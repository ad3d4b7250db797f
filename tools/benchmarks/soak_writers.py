# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Writers of results that are interrupted, for ``soak.py``."""

import csv
import json
import os
import pickle
import random
import signal
import time
import xml.etree.ElementTree
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mmengine
import numpy as np
from interrupting import disk, end, parses, start

from projects.scm.apis.outputs import FORMATS, ResultFolder, writer
from projects.scm.utils import write_file


def write_results(folder: Path) -> None:
    """Write results in all formats, over and over."""
    writer.FLUSH_INTERVAL_S = 0.0
    rng = np.random.default_rng(0)
    classes = [f'class {index}' for index in range(5)]
    for turn in range(100_000):
        mark = f'{turn % 10}'.encode()
        mmengine.dump([turn % 10] * 50_000, str(folder / 'predictions.pkl'))
        write_file(folder / 'page.html', mark * 500_000)
        info = dict(model='tiny', checkpoint='none')
        with ResultFolder(
            folder / 'results', FORMATS.values(), classes, info, overwrite=True
        ) as results:
            for index in range(30):
                results.add(make_result(index, rng))


def make_result(index: int, rng: np.random.Generator) -> dict[str, Any]:
    """As ``WSOLInferencer`` gives it, with random boxes."""
    corners = np.sort(rng.uniform(0, 200, (3, 2, 2)), axis=1).reshape(3, 4)
    return dict(
        img_path=f'photos/{index}.jpg',
        file_name=f'{index}.jpg',
        name=str(index),
        width=200,
        height=200,
        pred_label=int(rng.integers(5)),
        pred_score=0.5,
        bboxes=corners.astype(np.float32),
        labels=rng.integers(0, 5, 3),
        scores=rng.uniform(0, 1, 3).astype(np.float32),
    )


def is_whole(path: Path) -> bool:
    """Whether a file of results is complete in itself."""
    if path.suffix == '.pkl':
        content = pickle.loads(path.read_bytes())
        return len(content) == 50_000 and len(set(content)) == 1
    if path.suffix == '.html':
        content = path.read_bytes()
        return len(content) == 500_000 and len(set(content)) == 1
    if path.suffix == '.json':
        return parses(path, json.loads)
    if path.suffix == '.xml':
        return parses(path, xml.etree.ElementTree.fromstring)
    text = path.read_text()
    if text and not text.endswith('\n'):
        return False
    if path.suffix == '.csv':
        return {len(row) for row in csv.reader(text.splitlines())} <= {11}
    if path.parent.name == 'labels' or 'labels' in path.parts:
        return {len(line.split()) for line in text.splitlines()} <= {5, 6}
    return True


def kill_later(folder: Path, pid: int, _: Any, chance: random.Random) -> None:
    """Kill after up to a second and a half."""
    time.sleep(chance.uniform(0.02, 1.5))
    os.killpg(pid, signal.SIGKILL)
    end(pid)


def fill_later(
    folder: Path,
    pid: int,
    fill: Callable[[int, int], Callable[[], None]],
    chance: random.Random,
) -> None:
    """Fill the disk after a while; the writers fail by themselves."""
    time.sleep(chance.uniform(0.02, 1.0))
    empty = fill(chance.randrange(200_000), pid)
    end(pid)
    empty()


def interrupt_writers(
    case: Path, interrupt: Callable[..., None], chance: random.Random
) -> dict[str, int]:
    """Interrupt writers of results; files by suffix, and half ones."""
    with disk(case / 'disk') as fill:
        folder = case / 'disk' / 'out'
        folder.mkdir()
        pid = start(lambda: write_results(folder), case / 'log')
        interrupt(folder, pid, fill, chance)
        counts: Counter[str] = Counter()
        for path in folder.rglob('*'):
            if path.is_file() and not path.name.endswith('.part'):
                counts[path.suffix] += 1
                if not is_whole(path):
                    print('half:', path, path.read_bytes()[-200:])
                    counts['half'] += 1
        return counts
