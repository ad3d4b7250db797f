# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What an import loads, and what it registers; each in a fresh process."""

import ast
import subprocess
import sys
from collections.abc import Iterator
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
        'from projects.scm import engine\n'
        'hooks = registries.HOOKS.module_dict.items()\n'
        'assert set(engine.__all__) >= {n for n, kind in hooks '
        'if kind.__module__.startswith("projects.scm.")}\n'
        'from mmpretrain import get_model, list_models\n'
        'print(*list_models("*scm*"))\n'
        'print(type(get_model("scm_deit-s_cub").head).__name__)',
        repo,
    )
    assert 'scm_deit-s_cub' in lines[-2].split()
    assert lines[-1] == 'SCMHead'


def test_inference_imports_no_sharding(repo) -> None:
    """PyTorch's own modules are whole after it, MMEngine's say what to do."""
    lines = run_python(
        'import sys\n'
        'from projects.scm.utils.light_imports import without_sharding\n'
        'with without_sharding():\n'
        '    from projects.scm.apis import WSOLInferencer\n'
        'print(*sys.modules)\n'
        'from mmengine.registry import MODEL_WRAPPERS, OPTIMIZERS\n'
        'for registry, name in ((OPTIMIZERS, "ZeroRedundancyOptimizer"),\n'
        '        (MODEL_WRAPPERS, "MMFullyShardedDataParallel")):\n'
        '    try:\n'
        '        registry.get(name).__mro__[1]()\n'
        '    except RuntimeError as error:\n'
        '        print(error)\n'
        'import torch\n'
        'from torch.distributed.fsdp import FullyShardedDataParallel as F\n'
        'print(issubclass(F, torch.nn.Module))\n',
        repo,
    )
    *_, loaded, zero, sharded, whole = lines
    left_out = {'torch.distributed.fsdp', 'sympy', 'matplotlib'}
    assert not left_out & set(loaded.split())
    assert 'ZeroRedundancyOptimizer: this process was started for' in zero
    assert 'FullyShardedDataParallel: this process was started' in sharded
    assert whole == 'True'


def test_sharding_stays_where_mmengine_is_loaded() -> None:
    import mmengine.model
    from torch.distributed.fsdp import FullyShardedDataParallel

    from projects.scm.utils.light_imports import without_sharding

    with without_sharding():
        from torch.distributed.fsdp import FullyShardedDataParallel as inside
    assert inside is FullyShardedDataParallel
    wrapper = mmengine.model.MMFullyShardedDataParallel
    assert issubclass(wrapper, inside)


def test_nothing_is_collected_while_inference_imports(repo) -> None:
    """What was imported is left alone from then on; new garbage is not."""
    lines = run_python(
        'import gc\n'
        'from projects.scm.utils.light_imports import without_collecting\n'
        'before = [s["collections"] for s in gc.get_stats()]\n'
        'with without_collecting():\n'
        '    from projects.scm.apis import WSOLInferencer\n'
        '    after = [s["collections"] for s in gc.get_stats()]\n'
        'print(before == after, gc.isenabled())\n'
        'print(gc.get_freeze_count(), len(gc.get_objects()))\n'
        'ring = []\n'
        'ring.append(ring)\n'
        'del ring\n'
        'print(gc.collect() > 0)\n'
        'frozen = gc.get_freeze_count()\n'
        'with without_collecting():\n'
        '    print(gc.isenabled())\n'
        'print(gc.get_freeze_count() == frozen)\n',
        repo,
    )
    *_, during, counts, garbage, again, same = lines
    assert during == 'True True'
    frozen, others = map(int, counts.split())
    assert frozen > 100_000 > others
    assert garbage == 'True'
    assert again == same == 'True'


@pytest.mark.parametrize('enabled', [False, True])
def test_a_failing_import_leaves_the_collector_as_it_was(
    repo, enabled: bool
) -> None:
    lines = run_python(
        'import gc\n'
        'from projects.scm.utils.light_imports import without_collecting\n'
        f'{"gc.enable" if enabled else "gc.disable"}()\n'
        'try:\n'
        '    with without_collecting():\n'
        '        import no_such_module\n'
        'except ImportError:\n'
        '    print(gc.isenabled())\n',
        repo,
    )
    assert lines[-1] == str(enabled)


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
    """What the compiler says of packages installed uncompiled is not ours."""
    code = 'import projects.scm.register'
    done = subprocess.run(
        [sys.executable, '-W', 'ignore::SyntaxWarning', '-c', code],
        cwd=repo,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout + done.stderr == ''


#: Rooms of the package: each imports from those above it in this list alone,
#: and those on a line do not know each other.
ROOMS = [
    ['version'],
    ['utils', 'structures'],
    ['evaluation.functional'],
    ['evaluation.metrics', 'datasets', 'models'],
    ['visualization'],
    ['engine'],
    ['register'],
    ['apis'],
    ['reporting', 'mmdet'],
    ['comparison'],
    ['cli'],
]
LEVELS = {room: level for level, row in enumerate(ROOMS) for room in row}


def room_of(module: str) -> str | None:
    """The room of a dotted name, None if it is not of this package."""
    package, _, inner = module.partition('projects.scm.')
    if package or not inner:
        return None
    parts = inner.split('.')
    return next(
        (n for n in ('.'.join(parts[:2]), parts[0]) if n in LEVELS), parts[0]
    )


def imports_of(file: Path, package: str) -> Iterator[tuple[int, str]]:
    """Lines and dotted names that a file imports, wherever it does."""
    for node in ast.walk(ast.parse(file.read_text('utf-8'))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split('.')[: 1 - node.level or None]
            base = '.'.join(parts) if node.level else ''
            base = '.'.join(filter(None, (base, node.module)))
            yield from (
                (node.lineno, f'{base}.{alias.name}') for alias in node.names
            )
        elif (
            isinstance(node, ast.Call)
            and ast.unparse(node.func).endswith('import_module')
            and isinstance(node.args[0], ast.Constant)
        ):
            yield node.lineno, str(node.args[0].value)


def test_no_arrow_goes_up(repo) -> None:
    root = repo / 'projects' / 'scm'
    up, count = [], 0
    for file in sorted(root.rglob('*.py')):
        module = '.'.join(file.relative_to(repo).with_suffix('').parts)
        package = module.rpartition('.')[0]
        own = room_of(module.removesuffix('.__init__'))
        if own is None:  # the package itself
            continue
        for line, name in imports_of(file, package):
            other = room_of(name)
            if other is None or other == own:
                continue
            count += 1
            if LEVELS[other] >= LEVELS[own]:
                up.append(f'{file.relative_to(repo)}:{line}: {name}')
    assert up == []
    assert count > 200
