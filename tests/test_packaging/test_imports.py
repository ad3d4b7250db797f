# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What an import loads, and what it registers; each in a fresh process."""

import subprocess
import sys
from pathlib import Path

import pytest

#: NumPy, OpenCV and numba alone are about 570.
MOST_MODULES = 900

FRAMEWORK = {'mmengine', 'mmcv', 'mmpretrain', 'mmdet', 'torch', 'torchvision'}


def run_python(code: str, repo: Path) -> list[str]:
    """Lines printed by ``code``, run on the checkout."""
    done = subprocess.run(
        [sys.executable, '-c', code], cwd=repo, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    'module',
    ['projects.scm.evaluation.functional', 'projects.scm.structures'],
)
def test_arrays_need_no_framework(repo, module) -> None:
    loaded = run_python(
        f'import sys, {module}\nprint(*sys.modules, sep="\\n")', repo
    )
    assert module in loaded
    assert not FRAMEWORK & set(loaded)
    assert len(loaded) <= MOST_MODULES


# A type that each package registers, and its registry in mmpretrain.
REGISTERED = {
    'projects.scm.models': ('MODELS', 'SCMHead'),
    'projects.scm.datasets': ('DATASETS', 'CUBLocalization'),
    'projects.scm.evaluation.metrics': ('METRICS', 'WSOLEvaluator'),
}
EVERYTHING = [
    *REGISTERED.values(),
    ('VISUALIZERS', 'WSOLVisualizer'),
    ('HOOKS', 'CalibrationLogHook'),
]


@pytest.mark.parametrize('package', REGISTERED)
def test_each_package_alone_registers_its_parts(repo, package) -> None:
    """In any order, so each must prepare the environment itself."""
    registry, name = REGISTERED[package]
    lines = run_python(
        f'import {package}\n'
        f'from mmpretrain.registry import {registry}\n'
        f'print({registry}.get("{name}").__module__)',
        repo,
    )
    assert lines[-1].startswith(f'{package}.')


def test_register_registers_all_of_them_and_the_models(repo) -> None:
    lines = run_python(
        'import mmpretrain.registry as registries\n'
        'from mmengine.utils import import_modules_from_strings\n'
        'import_modules_from_strings(["projects.scm.register"])\n'
        f'for registry, name in {EVERYTHING}:\n'
        '    assert getattr(registries, registry).get(name), name\n'
        'import sys\n'
        'assert "mmdet" not in sys.modules\n'
        'from mmpretrain import get_model, list_models\n'
        'print(*list_models("*scm*"))\n'
        'print(type(get_model("scm_deit-s_cub").head).__name__)',
        repo,
    )
    assert 'scm_deit-s_cub' in lines[-2].split()
    assert lines[-1] == 'SCMHead'


def test_a_config_that_names_the_package_alone_registers(repo) -> None:
    """As the configs did up to version 0.1; the import itself does not."""
    lines = run_python(
        'from mmengine.config import Config\n'
        'from mmpretrain.registry import MODELS\n'
        'Config.fromstring('
        '"custom_imports = dict(imports=[\'projects.scm\'])", ".py")\n'
        'print(MODELS.get("SCMHead").__name__)',
        repo,
    )
    assert lines[-1] == 'SCMHead'
    lines = run_python(
        'import sys, projects.scm\n'
        'print("projects.scm.models" in sys.modules)',
        repo,
    )
    assert lines == ['False']


def test_nothing_is_said_by_a_plain_import(repo) -> None:
    """But of transformers, where one is installed that is too new.

    What the compiler says of packages that were installed uncompiled is not
    ours.
    """
    code = 'import projects.scm.register'
    done = subprocess.run(
        [sys.executable, '-W', 'ignore::SyntaxWarning', '-c', code],
        cwd=repo,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    lines = (done.stdout + done.stderr).splitlines()
    assert [x for x in lines if 'multimodal models' not in x] == []
