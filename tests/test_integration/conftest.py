# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""A drawn set in CUB's layout and runs of the real tools on it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

REPO = Path(__file__).resolve().parents[2]
COLORS = ((40, 40, 230), (40, 230, 40), (230, 60, 40))  # BGR, one a class

CONFIG = """
_base_ = {base!r}

model = dict(
    backbone=dict(
        arch=dict(_delete_=True, embed_dims=32, num_layers=2, num_heads=2,
                  feedforward_channels=64)),
    head=dict(in_channels=32, num_classes=3))
train_dataloader = dict(
    batch_size=4, num_workers=0, persistent_workers=False,
    dataset=dict(data_root={data!r}))
val_dataloader = dict(
    batch_size=3, num_workers=0, persistent_workers=False,
    dataset=dict(data_root={data!r}))
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=2, val_interval=2)
default_hooks = dict(logger=dict(interval=1))
"""


def draw_cub(root: Path, train: int = 48, test: int = 17) -> None:
    """Draw coloured squares on noise, a class a colour, with exact boxes."""
    rng = np.random.default_rng(0)
    lines = {
        name: []
        for name in (
            'images',
            'image_class_labels',
            'train_test_split',
            'bounding_boxes',
        )
    }
    for i in range(1, train + test + 1):
        label = i % len(COLORS)
        name = f'{label + 1:03d}.color{label}/{i:04d}.png'
        image = rng.integers(60, 160, (80, 100, 3), dtype=np.uint8)
        size = int(rng.integers(30, 50))
        x, y = (int(rng.integers(0, n - size)) for n in (100, 80))
        image[y : y + size, x : x + size] = COLORS[label]
        path = root / 'images' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), image)
        lines['images'].append(f'{i} {name}')
        lines['image_class_labels'].append(f'{i} {label + 1}')
        lines['train_test_split'].append(f'{i} {int(i <= train)}')
        lines['bounding_boxes'].append(f'{i} {x}.0 {y}.0 {size}.0 {size}.0')
    for name, rows in lines.items():
        (root / f'{name}.txt').write_text('\n'.join(rows) + '\n')
    (root / 'classes.txt').write_text(
        ''.join(f'{i + 1} {i + 1:03d}.color{i}\n' for i in range(len(COLORS)))
    )


class Workshop:
    """Starts tools of the checkout from a folder that is not the checkout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / 'cub'
        draw_cub(self.data)

    def config(self, name: str, base: str, extra: str = '') -> Path:
        """Write a child of a config of this project for the drawn set."""
        path = self.folder / f'{name}.py'
        path.write_text(
            CONFIG.format(
                base=str(REPO / 'configs' / base), data=str(self.data)
            )
            + extra
        )
        return path

    def start(self, *command: str) -> subprocess.Popen:
        """Start a tool; python for .py, bash for .sh."""
        tool = REPO / 'tools' / command[0]
        program = sys.executable if tool.suffix == '.py' else 'bash'
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            port = probe.getsockname()[1]
        env = {k: v for k, v in os.environ.items() if k != 'PYTHONPATH'}
        env.update(
            PYTHON=sys.executable,
            PORT=str(port),
            OMP_NUM_THREADS='1',
            CUDA_VISIBLE_DEVICES='',
        )
        return subprocess.Popen(
            [program, str(tool), *map(str, command[1:])],
            cwd=self.folder,
            env=env,
            text=True,
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, *command: str) -> str:
        """Run a tool to its end; its output, or a failure showing it."""
        process = self.start(*command)
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output[-4000:]
        return output

    def kill_in_epoch(self, epoch: int, *command: str) -> None:
        """Start a training and kill it, workers and all, in an epoch."""
        process = self.start(*command)
        deadline = time.monotonic() + 300
        for line in process.stdout:
            if f'Epoch(train) [{epoch}][ 3/' in line:
                break
            assert time.monotonic() < deadline
        else:
            raise AssertionError(f'ended before epoch {epoch}')
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=30)

    def metrics(
        self, config: Path, checkpoint: Path, *options: str, gpus: int = 0
    ) -> dict:
        """Metrics of tools/test.py, alone or over processes."""
        out = self.folder / 'metrics.json'
        out.unlink(missing_ok=True)
        command = [config, checkpoint]
        command = (
            ['dist_test.sh', *command, gpus] if gpus else ['test.py', *command]
        )
        self.run(
            *map(str, command),
            '--out',
            str(out),
            '--out-item',
            'metrics',
            *options,
        )
        return json.loads(out.read_text())


@pytest.fixture(scope='module')
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp('workshop'))
