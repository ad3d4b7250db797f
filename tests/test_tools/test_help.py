# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""``--help`` is answered before anything slow is imported."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / 'tools'
SLOW = {'PIL', 'cv2', 'matplotlib', 'mmcv', 'mmengine', 'mmpretrain', 'numba'}
SLOW |= {'numpy', 'onnx', 'scipy', 'torch', 'torchvision', 'yaml'}
PROGRAMS = sorted(
    str(file.relative_to(TOOLS))
    for file in TOOLS.rglob('*.py')
    if "if __name__ == '__main__'" in file.read_text('utf-8')
)


def test_programs_are_found():
    assert len(PROGRAMS) > 30


@pytest.mark.parametrize('program', PROGRAMS)
def test_help_imports_nothing_slow(program):
    done = subprocess.run(
        [sys.executable, '-X', 'importtime', TOOLS / program, '--help'],
        capture_output=True,
        text=True,
    )
    if 'needs mmdet' in done.stderr:
        pytest.skip('mmdet is not installed')
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith('usage: ')
    imported = set(re.findall(r'\| +(\w+)$', done.stderr, re.MULTILINE))
    assert 'argparse' in imported
    assert not imported & SLOW
