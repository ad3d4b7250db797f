# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What is built and installed is the whole package, and works elsewhere."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from projects.scm.version import __version__

#: Nothing of this belongs to a build.
IGNORED = shutil.ignore_patterns(
    '.*', '__pycache__', '*.egg-info', 'build', 'dist', 'work_dirs', 'data'
)

BUILD_EVERY_CONFIG = """
import warnings
warnings.simplefilter('ignore')
from importlib.util import find_spec
from pathlib import Path
import projects.scm.register
package = Path(projects.scm.__file__).parent
assert package == Path({package!r}), package

from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpretrain.registry import METRICS, MODELS, TRANSFORMS
DefaultScope.get_instance('test', scope_name='mmpretrain')
files = sorted((package / '.mim' / 'configs').glob('*.py'))
no_grad_cam = find_spec('pytorch_grad_cam') is None
no_timm = find_spec('timm') is None
for file in files:
    cfg = Config.fromfile(file)
    if (no_grad_cam and file.stem.startswith('gradcam_')) or (
        no_timm and 'timm' in cfg.model.backbone.type.lower()
    ):
        print('not-installed', file.stem)
        continue
    MODELS.build(cfg.model)
    for split in ('train', 'val', 'test'):
        for transform in cfg[f'{{split}}_dataloader'].dataset.pipeline:
            TRANSFORMS.build(transform)
    for split in ('val', 'test'):
        metrics = cfg[f'{{split}}_evaluator']
        for metric in metrics if isinstance(metrics, list) else [metrics]:
            METRICS.build(metric)
    print('built', file.stem)
"""


def run(*command: object, cwd: Path, path: Path | None = None) -> str:
    """Run a command, without what would make the checkout importable."""
    env = {k: v for k, v in os.environ.items() if k != 'PYTHONPATH'}
    if path is not None:
        env['PYTHONPATH'] = str(path)
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    return done.stdout


def pip(*arguments: object, cwd: Path) -> None:
    run(sys.executable, '-m', 'pip', *arguments, '--no-deps', cwd=cwd)


@pytest.fixture(scope='module')
def source(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout, to build in."""
    folder = tmp_path_factory.mktemp('source') / 'repository'
    shutil.copytree(
        repo,
        folder,
        ignore=lambda d, names: (
            ({'tests', 'docs'} if Path(d) == repo else set())
            | IGNORED(d, names)
        ),
    )
    return folder


@pytest.fixture(scope='module')
def wheel(source: Path) -> Path:
    """The wheel, built where an earlier build left a removed module."""
    stale = source / 'build' / 'lib' / 'projects' / 'scm' / 'removed.py'
    stale.parent.mkdir(parents=True)
    stale.touch()
    dist = source / 'dist'
    pip(
        'wheel',
        '--no-index',
        '--no-build-isolation',
        '-w',
        dist,
        '.',
        cwd=source,
    )
    (file,) = dist.glob('*.whl')
    return file


def files_of(folder: Path, prefix: str) -> set[str]:
    """Names of all files in a folder, below another name for it."""
    return {
        f'{prefix}{file.relative_to(folder).as_posix()}'
        for file in folder.rglob('*')
        if file.is_file() and '__pycache__' not in file.parts
    }


def test_wheel_holds_all_of_the_package(source, wheel) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        info = f'scm_wsol-{__version__}.dist-info'
        text = archive.read(f'{info}/METADATA').decode()
    content = {name for name in names if not name.startswith(info)}
    mim = 'projects/scm/.mim'
    package = files_of(source / 'projects' / 'scm', 'projects/scm/')
    assert content == (
        {name for name in package if not name.startswith(f'{mim}/')}
        | files_of(source / 'configs', f'{mim}/configs/')
        | files_of(source / 'tools', f'{mim}/tools/')
        | {f'{mim}/model-index.yml'}
    )

    metadata = Parser().parsestr(text)
    assert metadata['Name'] == 'scm-wsol'
    assert metadata['Version'] == __version__
    required = metadata.get_all('Requires-Dist')
    assert any(req.startswith('onedl-mmpretrain') for req in required)
    assert any(req.startswith('torch') for req in required)


@pytest.mark.slow
def test_installed_wheel_builds_every_config(wheel, tmp_path, repo) -> None:
    """From another folder, with the checkout out of reach."""
    pip('install', '--no-index', '--target', tmp_path, wheel, cwd=tmp_path)
    package = tmp_path / 'projects' / 'scm'
    code = BUILD_EVERY_CONFIG.format(package=str(package))
    output = run(sys.executable, '-c', code, cwd=Path('/'), path=tmp_path)
    built = {
        line.split()[1]
        for line in output.splitlines()
        if line.startswith(('built', 'not-installed'))
    }
    assert built == {file.stem for file in (repo / 'configs').glob('*.py')}
    assert len(built) >= 8

    # The tools that came with it find the package they lie in.
    tool = package / '.mim' / 'tools' / 'train.py'
    output = run(sys.executable, tool, '--help', cwd=Path('/'), path=tmp_path)
    assert '--auto-scale-lr' in output


def test_editable_install_links_to_the_checkout(source, tmp_path) -> None:
    """A namespace package beside which other projects may lie."""
    pip(
        *('install', '--no-build-isolation', '--no-index'),
        *('--ignore-installed', '--prefix', tmp_path, '--editable', '.'),
        cwd=source,
    )
    (site_packages,) = tmp_path.glob('lib/python*/site-packages')
    other = tmp_path / 'other' / 'projects' / 'neighbour'
    other.mkdir(parents=True)
    (other / '__init__.py').touch()
    code = (
        f'import site, sys; site.addsitedir({str(site_packages)!r})\n'
        f'sys.path.append({str(other.parents[1])!r})\n'
        'import projects.neighbour\n'
        'import importlib.util\n'
        'print(importlib.util.find_spec("projects.scm").origin)\n'
    )
    # -S, so that only this installation is there to be found
    output = run(sys.executable, '-S', '-c', code, cwd=Path('/'))
    package = source / 'projects' / 'scm'
    assert output.strip() == str(package / '__init__.py')

    for name in ('configs', 'tools', 'model-index.yml'):
        link = package / '.mim' / name
        assert link.is_symlink()
        assert link.resolve() == source / name


def test_source_distribution_is_complete(source) -> None:
    """A wheel can be built from it: its files are those of the checkout."""
    code = (
        'from setuptools.build_meta import build_sdist\n'
        'print(build_sdist("dist"))'
    )
    output = run(sys.executable, '-c', code, cwd=source)
    file = source / 'dist' / output.split()[-1]
    with tarfile.open(file) as archive:
        names = {
            name.partition('/')[2]
            for name in archive.getnames()
            if archive.getmember(name).isfile()
        }
    package = files_of(source / 'projects' / 'scm', 'projects/scm/')
    expected = {name for name in package if '/.mim/' not in name}
    for folder in ('configs', 'requirements', 'tools'):
        expected |= files_of(source / folder, f'{folder}/')
    expected |= {'LICENSE', 'model-index.yml', 'pyproject.toml', 'setup.py'}
    assert expected <= names
    assert not [name for name in names if '.mim/' in name]
