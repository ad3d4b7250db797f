# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Checks and two repairs of the environment, done before mmpretrain loads.

Faults of an installation end in errors that name neither the cause nor the
cure. :func:`prepare_environment` finds them first and says what to do:

* a torchvision wheel that does not fit torch (repaired on a torch without
  CUDA, where the compiled half of torchvision is not needed);
* a transformers that mmpretrain's multimodal models do not fit (repaired:
  they are left out, nothing of this project is built on them);
* the two lines of the OpenMMLab packages installed over each other;
* a package that is missing or too old;
* this package under a second name, or behind a foreign package ``projects``.

Only the standard library is imported with this module.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from functools import partial
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

#: Modules needed: lowest version (included), highest (excluded), and what
#: to give to pip. Both package lines have these module names.
REQUIRED_MODULES: dict[str, tuple[str, str, str]] = {
    'mmengine': ('0.10.0', '1.0.0', 'onedl-mmengine'),
    'mmcv': ('2.0.0', '3.0.0', 'onedl-mmcv'),
    'mmpretrain': ('1.2.0', '2.0.0', 'onedl-mmpretrain'),
}
#: Distributions of either line that own the same folders.
UPSTREAM_LINE = (
    'mmengine',
    'mmengine-lite',
    'mmcv',
    'mmcv-full',
    'mmcv-lite',
    'mmpretrain',
    'mmdet',
)
ONEDL_LINE = (
    'onedl-mmengine',
    'onedl-mmcv',
    'onedl-mmpretrain',
    'onedl-mmdetection',
)
#: Builds of OpenCV, which own the same folder; one of them is enough.
OPENCV_DISTRIBUTIONS = (
    'opencv-python',
    'opencv-python-headless',
    'opencv-contrib-python',
    'opencv-contrib-python-headless',
)
#: First major release of transformers without the names that mmpretrain's
#: multimodal models import.
TRANSFORMERS_TOO_NEW = 5
#: torchvision's compiled library: since 0.29, and before.
TORCHVISION_LIBRARIES = ('_C_stable', '_C')
#: What ``import torchvision`` needs to exist, from its C++ sources.
TORCHVISION_SCHEMAS = {
    'nms': 'nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor',
    'qnms': 'qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor',
}

#: What the framework prints and warns of when it is imported, of parts that
#: this project does without.
KNOWN_LINES = ('Could not import OneDL',)
KNOWN_WARNINGS = (
    'Fail to import ``MultiScaleDeformableAttention``',
    'faster_coco_eval is not installed',
)

_PACKAGE = 'projects.scm'
_INSTALL = 'See "Installation" in the README, or run tools/setup_env.sh.'
_done = False
_schemas = None  # a torch.library.Library drops its schemas when collected


class BrokenEnvironmentError(RuntimeError):
    """The environment cannot run this package; the message says why.

    Not an ``ImportError``: MMEngine replaces those, when they come out of
    ``custom_imports``, by a general hint at ``PYTHONPATH``.
    """


def prepare_environment() -> None:
    """Check the environment and make ``import mmpretrain`` possible.

    To be called before the first import of mmpretrain; ``projects.scm`` does
    so when it is imported. Later calls return at once.

    Raises:
        BrokenEnvironmentError: For each of the faults this module lists.
    """
    global _done
    if _done:
        return
    check_package_name(__name__, __file__)
    check_projects_package(sys.modules.get('projects'))
    check_package_lines(installed_distributions(UPSTREAM_LINE + ONEDL_LINE))
    prepare_torchvision()
    unneeded = ['mmdet']
    if leave_out_multimodal_models():
        unneeded.append('transformers')
    with ExitStack() as stack:
        stack.enter_context(without_known_lines())
        for name in unneeded:
            stack.enter_context(without_module(name))
        check_module_versions()
        importlib.import_module('mmpretrain.datasets')
        importlib.import_module('mmpretrain.models')
    offer_adafactor()
    _done = True


def check_package_name(name: str, file: str) -> None:
    """Refuse an import under any name but ``projects.scm``.

    A second name would run every registration a second time.

    Args:
        name: ``__name__`` of the package or of a module in it.
        file: Its file, for the message.

    Raises:
        BrokenEnvironmentError: If ``name`` starts with another package.
    """
    if not f'{name}.'.startswith(f'{_PACKAGE}.'):
        root = Path(__file__).resolve().parents[3]
        raise BrokenEnvironmentError(
            f'{file} was imported as "{name}", but the package has one name, '
            f'"{_PACKAGE}". Put {root} on the path (PYTHONPATH, or `pip '
            f'install -e {root}`), no folder below it, and use `import '
            f'{_PACKAGE}`.'
        )


def check_projects_package(package: ModuleType | None) -> None:
    """Refuse a regular package called ``projects``.

    ``projects`` has no ``__init__.py``: any number of repositories may add to
    such a namespace package. A regular package of that name, anywhere on the
    path, hides all the others.

    Args:
        package: The module ``projects``, or None if there is none.

    Raises:
        BrokenEnvironmentError: If ``package`` comes from a file.
    """
    file = getattr(package, '__file__', None)
    if file is not None:
        raise BrokenEnvironmentError(foreign_projects_message(file))


def find_foreign_projects(path: Iterable[str] | None = None) -> str | None:
    """File of a regular package ``projects`` that hides ours, or None.

    Imports nothing, so it also works where ``import projects.scm`` fails.

    Args:
        path: Folders to look into. Defaults to ``sys.path``.
    """
    if path is None:
        spec = importlib.util.find_spec('projects')
    else:
        spec = PathFinder.find_spec('projects', [*path])
    return None if spec is None else spec.origin


def foreign_projects_message(file: str) -> str:
    """What to tell about the regular package ``projects`` in ``file``."""
    return (
        f'A foreign package "projects" hides {_PACKAGE}: {file}. Python takes '
        'a package with an __init__.py before all folders of the same name '
        'without one, wherever they stand on the path. Remove that file (it '
        f'is not needed to import what lies beside it), or take '
        f'{Path(file).parent.parent} off the path (PYTHONPATH, .pth files, '
        '`pip install -e`).'
    )


def package_folder(name: str) -> Path | None:
    """Folder of a package, which is not imported; None if there is none."""
    spec = importlib.util.find_spec(name)
    return spec and spec.origin and Path(spec.origin).parent


def installed_distributions(names: Iterable[str]) -> dict[str, str]:
    """Versions of those of the named distributions that are installed."""
    # A third of the time that --help of a tool takes.
    from importlib import metadata

    found = {}
    for name in names:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def check_package_lines(installed: Mapping[str, str]) -> None:
    """Refuse distributions of both lines of the OpenMMLab packages.

    ``mmengine`` and ``onedl-mmengine`` (and so on) install into the same
    folders: what is imported then is a mixture, which depends on the order of
    installation. Either line alone is accepted.

    Args:
        installed: Distribution name -> version.

    Raises:
        BrokenEnvironmentError: If both lines are present.
    """
    upstream = [n for n in installed if n in UPSTREAM_LINE]
    onedl = [n for n in installed if n in ONEDL_LINE]
    if not (upstream and onedl):
        return

    def listed(names: list[str]) -> str:
        return ', '.join(f'{name} {installed[name]}' for name in names)

    raise BrokenEnvironmentError(
        f'Two lines of the OpenMMLab packages are installed together: '
        f'{listed(upstream)} and {listed(onedl)}. They own the same folders '
        'and have overwritten parts of each other. Remove both (`pip '
        f'uninstall {" ".join(upstream + onedl)}`), then install one line '
        f'again. {_INSTALL}'
    )


def check_module_versions(
    required: Mapping[str, tuple[str, str, str]] = REQUIRED_MODULES,
    import_module: Callable[[str], ModuleType] = importlib.import_module,
) -> None:
    """Import the framework's modules and check their versions.

    The module's own version counts, not the name of its distribution, so
    either line of the packages, or a source checkout, will do.

    Args:
        required: Module -> (lowest version, first version that is too high,
            distribution to install).
        import_module: How a module is imported.

    Raises:
        BrokenEnvironmentError: If a module is missing or its version is out
            of its range.
    """
    for name, (low, high, distribution) in required.items():
        wanted = f'{name} >= {low}, < {high}'
        cure = f'Install {distribution}. {_INSTALL}'
        try:
            version = import_module(name).__version__
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            raise BrokenEnvironmentError(
                f'{wanted} is needed and not installed. {cure}'
            ) from error
        from mmengine.utils import digit_version

        least, limit, found = map(digit_version, (low, high, version))
        if not least <= found < limit:
            raise BrokenEnvironmentError(
                f'{wanted} is needed, found {version}. {cure}'
            )


@contextmanager
def without_known_lines() -> Iterator[None]:
    """Import without :data:`KNOWN_LINES` and :data:`KNOWN_WARNINGS`."""
    with warnings.catch_warnings(), without_lines(KNOWN_LINES):
        for start in KNOWN_WARNINGS:
            warnings.filterwarnings('ignore', f'{start}.*')
        yield


@contextmanager
def without_lines(starts: tuple[str, ...]) -> Iterator[None]:
    """Leave out lines that are printed within; the others come at its end.

    Args:
        starts: How they begin.
    """
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            yield
    finally:
        for line in printed.getvalue().splitlines(keepends=True):
            if not line.startswith(starts):
                sys.stdout.write(line)


@contextmanager
def without_module(name: str) -> Iterator[None]:
    """Import as if a module were not installed, unless it is loaded already.

    mmpretrain imports mmdet, where it finds it, for one layer of detectors;
    that takes longer than the rest of mmpretrain.
    :mod:`projects.scm.mmdet` makes up for it.

    Args:
        name: A top-level module.
    """
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None
    try:
        yield
    finally:
        del sys.modules[name]


@contextmanager
def without_compiler() -> Iterator[None]:
    """Import torchvision without ``torch._dynamo``, unless it is loaded.

    ``torchvision.ops`` takes one function of it, to be called within a
    compiled function, and the import takes as long as that of all of torch.
    Whatever is looked up in the modules that stand in for it loads it.
    """
    package, utils = 'torch._dynamo', 'torch._dynamo.utils'
    folder = package_folder('torch')
    if package in sys.modules or folder is None:
        yield
        return
    standing_in = {name: ModuleType(name) for name in (package, utils)}

    def remove() -> None:
        for name, module in standing_in.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]

    def load(name: str) -> ModuleType:
        remove()
        return importlib.import_module(name)

    standing_in[package].__path__ = [str(folder / '_dynamo')]

    def look_up(name: str, key: str) -> Any:
        if key.startswith('__'):  # inspect looks at all modules
            raise AttributeError(key)
        return getattr(load(name), key)

    for name, module in standing_in.items():
        module.__getattr__ = partial(look_up, name)
    standing_in[utils].is_compile_supported = lambda device: load(
        utils
    ).is_compile_supported(device)
    sys.modules.update(standing_in)
    try:
        yield
    finally:
        remove()


def offer_adafactor() -> None:
    """Register the optimizer of transformers, which loads when it is built.

    MMEngine registers it as ``Adafactor`` where transformers is installed,
    which it imports for that.
    """
    from mmengine.registry import OPTIMIZERS

    if (
        'Adafactor' in OPTIMIZERS.module_dict
        or importlib.util.find_spec('transformers') is None
    ):
        return

    @OPTIMIZERS.register_module(name='Adafactor')
    def build_adafactor(params: Iterable, **options: Any) -> Any:
        from transformers import Adafactor

        return Adafactor(params, **options)


def prepare_torchvision() -> None:
    """Make ``import torchvision``, which mmpretrain needs, work.

    torchvision wheels of a package index are commonly built for a torch with
    CUDA. Beside a torch without it their library ``_C`` does not load, its
    operators stay unknown, and the import ends in ``operator torchvision::nms
    does not exist``. The Python half, transforms and datasets included, works
    once the two operators it names are declared, which is done here. Calling
    them still ends in torchvision's own error about missing C++ operators.

    Raises:
        BrokenEnvironmentError: If torch or torchvision is missing, or if they
            do not match and torch has CUDA.
    """
    global _schemas
    if 'torchvision' in sys.modules:
        return
    try:
        import torch
    except ModuleNotFoundError as error:
        raise BrokenEnvironmentError(
            f'torch is not installed. {_INSTALL}'
        ) from error
    folder = package_folder('torchvision')
    if folder is None:
        raise BrokenEnvironmentError(
            f'torchvision is not installed; mmpretrain needs it. {_INSTALL}'
        )
    problem = load_torchvision_library(folder)
    if problem is None:
        with without_compiler():
            importlib.import_module('torchvision')
        return
    if torch.backends.cuda.is_built():
        raise BrokenEnvironmentError(torchvision_message(problem))
    missing = [
        schema
        for name, schema in TORCHVISION_SCHEMAS.items()
        if not hasattr(torch.ops.torchvision, name)
    ]
    _schemas = torch.library.Library('torchvision', 'FRAGMENT')
    for schema in missing:
        _schemas.define(schema)
    try:
        with without_compiler():
            importlib.import_module('torchvision')
    except (ImportError, RuntimeError, AttributeError) as error:
        raise BrokenEnvironmentError(torchvision_message(error)) from error


def load_torchvision_library(folder: Path) -> Exception | None:
    """Load the library of torchvision's folder; say why it does not load."""
    import torch

    specs = (
        PathFinder.find_spec(name, [str(folder)])
        for name in TORCHVISION_LIBRARIES
    )
    file = next((spec.origin for spec in specs if spec is not None), None)
    if file is None:
        names = ' or '.join(TORCHVISION_LIBRARIES)
        return FileNotFoundError(f'no library {names} in {folder}')
    try:
        torch.ops.load_library(file)
    except (OSError, RuntimeError) as error:
        return error
    return None


def torchvision_message(problem: Exception) -> str:
    """What to tell about a torchvision that does not fit torch."""
    found = installed_distributions(('torch', 'torchvision'))
    listed = ', '.join(f'{name} {ver}' for name, ver in found.items())
    return (
        f'torchvision does not fit torch ({listed}): {problem}. Install the '
        'pair of one release and one kind (CUDA or CPU) from one index, see '
        'the table at https://github.com/pytorch/vision#installation, for '
        'instance `pip install --force-reinstall torch==2.13.0 '
        'torchvision==0.28.0`.'
    )


def leave_out_multimodal_models() -> bool:
    """Let mmpretrain load beside a transformers that is too new for it.

    mmpretrain imports its multimodal models (BLIP, LLaVA and others) where
    transformers is installed, of any release from 4.28 on. With transformers
    5, where names that they take are gone, ``import mmpretrain`` ends in
    ``TypeError: NoneType takes no arguments``. mmpretrain decides about them
    in one module, which is loaded here before all others and told what it
    finds without transformers: the models are known, and building one ends in
    an error of mmpretrain.

    ``scm-wsol doctor`` says so; in every run it would be noise.

    Returns:
        bool: Whether they are left out.
    """
    version = installed_distributions(['transformers']).get('transformers')
    if (
        version is None
        or int(version.partition('.')[0]) < TRANSFORMERS_TOO_NEW
        or 'mmpretrain.models' in sys.modules
    ):
        return False
    name = 'mmpretrain.utils.dependency'
    module = sys.modules.get(name)
    if module is None:
        folder = package_folder('mmpretrain')
        if folder is None:
            return False  # what is missing is told by check_module_versions
        file = folder / 'utils' / 'dependency.py'
        spec = importlib.util.spec_from_file_location(name, file)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules[name] = module
    module.WITH_MULTIMODAL = False
    return True
