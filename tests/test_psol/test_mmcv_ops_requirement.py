# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What is told where mmdet's detectors cannot be imported."""

import subprocess
import sys
from types import ModuleType

import pytest

# Importable where the operators are missing, unlike the package around it.
WITHOUT_OPS = """
import sys
sys.modules['mmcv._ext'] = None  # as if it were not there
import projects.scm.register
assert 'projects.scm.mmdet' not in sys.modules
from mmengine.config import Config
Config.fromfile(sys.argv[1])
"""


def importer(*missing):
    def import_module(name):
        if name in missing:
            raise ModuleNotFoundError(f'No module named {name!r}', name=name)
        return ModuleType(name)

    return import_module


def test_messages():
    pytest.importorskip('mmcv._ext', exc_type=ImportError)
    pytest.importorskip('mmdet')
    from projects.scm.mmdet import require_mmcv_ops
    from projects.scm.utils import BrokenEnvironmentError

    require_mmcv_ops(importer())
    with pytest.raises(BrokenEnvironmentError, match='onedl-mmdetection'):
        require_mmcv_ops(importer('mmdet'))
    with pytest.raises(BrokenEnvironmentError, match='install_mmcv_ops'):
        require_mmcv_ops(importer('mmcv._ext'))


def test_a_config_tells_that_operators_are_missing(repo):
    pytest.importorskip('mmdet')
    done = subprocess.run(
        [
            sys.executable,
            '-c',
            WITHOUT_OPS,
            str(repo / 'configs/psol/retinanet_r18_cub.py'),
        ],
        cwd=repo,
        text=True,
        capture_output=True,
    )
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert 'BrokenEnvironmentError' in last
    assert 'bash tools/install_mmcv_ops.sh' in last
