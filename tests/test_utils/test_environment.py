# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Each fault of an environment is told, and the torchvision one repaired."""

import subprocess
import sys
import types
from pathlib import Path

import pytest
import torch

from projects.scm.utils import environment
from projects.scm.utils.environment import BrokenEnvironmentError


def run_python(code: str, *, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, '-c', code], cwd=cwd, capture_output=True, text=True
    )


def test_prepare_environment_twice() -> None:
    environment.prepare_environment()
    environment.prepare_environment()


@pytest.mark.parametrize(
    'name', ['projects.scm', 'projects.scm.utils.environment']
)
def test_own_name_is_accepted(name) -> None:
    environment.check_package_name(name, 'file.py')


@pytest.mark.parametrize(
    'name', ['scm', 'scm.utils.environment', 'main.projects.scm', 'projects']
)
def test_second_name_is_refused(name, repo) -> None:
    with pytest.raises(BrokenEnvironmentError) as error:
        environment.check_package_name(name, '/x/file.py')
    for part in (f'"{name}"', '/x/file.py', str(repo)):
        assert part in str(error.value)


def test_import_under_a_second_name_ends_at_once(repo) -> None:
    """Before anything is registered, and before torch is imported."""
    done = run_python(
        f'import sys; sys.path.insert(0, {str(repo / "projects")!r})\n'
        'try:\n'
        '    import scm\n'
        'except RuntimeError as error:\n'
        '    assert "torch" not in sys.modules\n'
        '    print(error)\n',
        cwd=Path('/'),
    )
    assert 'was imported as "scm' in done.stdout, done.stderr


def test_foreign_projects_is_found(tmp_path, repo) -> None:
    """Wherever it stands on the path: Python prefers a regular package."""
    (tmp_path / 'projects').mkdir()
    find = environment.find_foreign_projects
    assert find([str(repo), str(tmp_path)]) is None
    assert find([str(tmp_path / 'nothing')]) is None

    init = tmp_path / 'projects' / '__init__.py'
    init.touch()
    assert find([str(repo), str(tmp_path)]) == str(init)
    assert str(init) in environment.foreign_projects_message(str(init))


def test_projects_package_must_have_no_file() -> None:
    package = types.ModuleType('projects')
    environment.check_projects_package(None)
    environment.check_projects_package(package)
    package.__file__ = '/x/projects/__init__.py'
    with pytest.raises(BrokenEnvironmentError, match=r'/x/projects/__init__'):
        environment.check_projects_package(package)


def test_one_line_of_packages_is_accepted() -> None:
    check = environment.check_package_lines
    check({})
    check({'mmengine': '0.10.7', 'mmcv': '2.1.0', 'mmpretrain': '1.2.0'})
    check({'onedl-mmengine': '0.10.12', 'onedl-mmcv': '2.3.6'})


def test_mixed_lines_are_refused() -> None:
    with pytest.raises(BrokenEnvironmentError) as error:
        environment.check_package_lines(
            {'mmengine': '0.10.7', 'onedl-mmcv': '2.3.6'}
        )
    for part in (
        'mmengine 0.10.7',
        'onedl-mmcv 2.3.6',
        'pip uninstall mmengine onedl-mmcv',
    ):
        assert part in str(error.value)


def test_installed_distributions(tmp_path, monkeypatch) -> None:
    info = tmp_path / 'onedl_mmengine-9.dist-info'
    info.mkdir()
    (info / 'METADATA').write_text('Name: onedl-mmengine\nVersion: 9\n')
    monkeypatch.syspath_prepend(tmp_path)
    got = environment.installed_distributions(['onedl-mmengine', 'no-such'])
    assert got == {'onedl-mmengine': '9'}


def test_this_environment_satisfies_the_versions() -> None:
    environment.check_module_versions()


@pytest.mark.parametrize('version', ['0.9.9', '1.0.0', '2.1'])
def test_versions_out_of_range_are_refused(version) -> None:
    module = types.SimpleNamespace(__version__=version)
    with pytest.raises(BrokenEnvironmentError) as error:
        environment.check_module_versions(
            {'mmx': ('0.10.0', '1.0.0', 'onedl-mmx')}, lambda name: module
        )
    for part in ('mmx >= 0.10.0, < 1.0.0', version, 'onedl-mmx'):
        assert part in str(error.value)


@pytest.mark.parametrize('version', ['0.10.0', '0.10.12', '0.99'])
def test_versions_in_range_are_accepted(version) -> None:
    module = types.SimpleNamespace(__version__=version)
    environment.check_module_versions(
        {'mmx': ('0.10.0', '1.0.0', 'onedl-mmx')}, lambda name: module
    )


def test_missing_module_is_named_with_its_distribution() -> None:
    with pytest.raises(BrokenEnvironmentError, match='onedl-no-such'):
        environment.check_module_versions(
            {'no_such_module': ('1', '2', 'onedl-no-such')}
        )


def test_an_import_error_inside_a_module_is_left_as_it_is() -> None:
    def import_module(name: str) -> types.ModuleType:
        raise ModuleNotFoundError('no addict', name='addict')

    with pytest.raises(ModuleNotFoundError, match='addict'):
        environment.check_module_versions(
            {'mmx': ('1', '2', 'onedl-mmx')}, import_module
        )


# --- torchvision ---------------------------------------------------------

BROKEN_TORCHVISION = """
import torch
@torch.library.register_fake('torchvision::nms')
def nms(dets, scores, iou_threshold): ...
@torch.library.register_fake('torchvision::qnms')
def qnms(dets, scores, iou_threshold): ...
__version__ = '0'
"""


def torchvision_in(tmp_path: Path, library: str) -> Path:
    """A torchvision whose library does not load, which needs its schemas."""
    folder = tmp_path / 'torchvision'
    folder.mkdir()
    (folder / '__init__.py').write_text(BROKEN_TORCHVISION)
    (folder / library).write_bytes(b'no library')
    return tmp_path


@pytest.fixture
def broken_torchvision(tmp_path: Path) -> Path:
    return torchvision_in(tmp_path, '_C.so')


PREPARE = """
import sys
sys.path[:0] = [{folder!r}, {utils!r}]
import environment, torch
torch.backends.cuda.is_built = lambda: {cuda}
try:
    environment.prepare_torchvision()
    import torchvision
    print(torchvision.__version__)
except environment.BrokenEnvironmentError as error:
    print(error)
"""


@pytest.mark.parametrize('cuda', [False, True])
def test_torchvision_that_does_not_fit(broken_torchvision, repo, cuda) -> None:
    """Repaired if torch has no CUDA, else explained."""
    # alone, the module is importable without the package around it
    code = PREPARE.format(
        folder=str(broken_torchvision),
        utils=str(repo / 'projects' / 'scm' / 'utils'),
        cuda=cuda,
    )
    done = run_python(code, cwd=broken_torchvision)
    if cuda:
        assert 'torchvision does not fit torch' in done.stdout, done.stderr
        assert 'pip install' in done.stdout
    else:
        assert done.stdout.strip() == '0', done.stderr


def test_torchvision_that_cannot_be_repaired(broken_torchvision, repo) -> None:
    init = broken_torchvision / 'torchvision' / '__init__.py'
    init.write_text('raise RuntimeError("operator x::y does not exist")')
    code = PREPARE.format(
        folder=str(broken_torchvision),
        utils=str(repo / 'projects' / 'scm' / 'utils'),
        cuda=False,
    )
    done = run_python(code, cwd=broken_torchvision)
    assert 'does not fit torch' in done.stdout, done.stderr
    assert 'operator x::y does not exist' in done.stdout


def test_torchvision_works_here() -> None:
    """Its Python half, whatever wheel it is."""
    environment.prepare_torchvision()
    from torchvision.transforms import functional

    image = torch.arange(12.0).reshape(1, 3, 4)
    assert functional.hflip(image)[0, 0].tolist() == [3, 2, 1, 0]


@pytest.mark.parametrize('library', ['_C.so', '_C_stable.so'])
def test_library_that_does_not_load_is_reported(tmp_path, library) -> None:
    """Under the name of torchvision before 0.29, and under that since."""
    folder = torchvision_in(tmp_path, library) / 'torchvision'
    problem = environment.load_torchvision_library(folder)
    assert isinstance(problem, OSError)
    assert not isinstance(problem, FileNotFoundError)
    (folder / library).unlink()
    problem = environment.load_torchvision_library(folder)
    assert isinstance(problem, FileNotFoundError)
    assert '_C_stable or _C' in str(problem)


# --- transformers --------------------------------------------------------


def fake_transformers(folder: Path, version: str) -> None:
    """As mmpretrain looks for it: a distribution, not a module."""
    info = folder / f'transformers-{version}.dist-info'
    info.mkdir()
    (info / 'METADATA').write_text(f'Name: transformers\nVersion: {version}\n')


def test_transformers_that_mmpretrain_does_not_fit(tmp_path, repo) -> None:
    fake_transformers(tmp_path, '5.1.0')
    done = run_python(
        f'import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(repo)!r}]\n'
        'import projects.scm.models\n'
        'from mmpretrain.registry import MODELS\n'
        'from mmpretrain.utils.dependency import WITH_MULTIMODAL\n'
        'assert not WITH_MULTIMODAL\n'
        'try:\n'
        '    MODELS.build(dict(type="CLIP"))\n'
        'except ImportError as error:\n'
        '    print(error)\n',
        cwd=tmp_path,
    )
    assert 'multi-modal dependencies' in done.stdout, done.stderr
    assert '5.1.0' not in done.stderr


@pytest.mark.parametrize('version', [None, '4.57.6'])
def test_other_transformers_are_left_alone(tmp_path, repo, version) -> None:
    code = (
        f'import sys; sys.path[:0] = [{str(tmp_path)!r}, '
        f'{str(repo / "projects" / "scm" / "utils")!r}]\n'
        'import environment\n'
    )
    if version is None:
        code += 'environment.installed_distributions = lambda names: {}\n'
    else:
        fake_transformers(tmp_path, version)
    code += (
        'environment.leave_out_multimodal_models()\n'
        'print(sys.modules.get("mmpretrain.utils.dependency"))\n'
    )
    done = run_python(code, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ('None\n', '')


def test_what_nobody_asked_for_is_not_imported(tmp_path, repo) -> None:
    """The compiler and transformers load when they are used."""
    done = run_python(
        f'import sys; sys.path[:0] = [{str(repo)!r}]\n'
        'import projects.scm.utils.prepared\n'
        'import torch\n'
        'assert "torch._dynamo" not in sys.modules\n'
        'assert "torch._dynamo.utils" not in sys.modules\n'
        'module = sys.modules["torchvision.ops.roi_align"]\n'
        'asked = module.is_compile_supported("cpu")\n'
        'import torch._dynamo.utils as utils\n'
        'assert asked == utils.is_compile_supported("cpu")\n'
        'from importlib.util import find_spec\n'
        'if find_spec("transformers"):\n'
        '    assert "transformers" not in sys.modules\n'
        '    from mmengine.registry import OPTIMIZERS\n'
        '    weights = [torch.nn.Parameter(torch.ones(1))]\n'
        '    made = OPTIMIZERS.build(dict(type="Adafactor", params=weights))\n'
        '    import transformers\n'
        '    assert type(made) is transformers.Adafactor\n'
        'print("done")\n',
        cwd=tmp_path,
    )
    assert done.stdout.splitlines()[-1:] == ['done'], done.stderr
