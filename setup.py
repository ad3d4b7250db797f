# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Installation of the namespace package ``projects.scm``.

Configs, tools and the model index travel with the package, as its folder
``.mim``: copied into a wheel, linked to where they lie for an editable
installation.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from setuptools import find_namespace_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
PACKAGE = Path('projects', 'scm')
MIM_CONTENT = ('configs', 'tools', 'model-index.yml')


def read(*names: str) -> str:
    """Text of a file of the repository."""
    return ROOT.joinpath(*names).read_text(encoding='utf-8')


def read_version() -> str:
    """Version, without an import of the package and all it needs."""
    text = read(*PACKAGE.parts, 'version.py')
    match = re.search(r"^__version__ = '([^']+)'$", text, re.MULTILINE)
    if match is None:
        raise RuntimeError(f'no __version__ in {PACKAGE}/version.py')
    return match[1]


def read_requirements(name: str) -> list[str]:
    """Requirements of one file, without its comments and blank lines."""
    lines = (
        line.partition('#')[0].strip()
        for line in read('requirements', f'{name}.txt').splitlines()
    )
    return [line for line in lines if line]


class BuildWithMim(build_py):
    """``build_py`` that adds the folder ``.mim``."""

    def run(self) -> None:
        """Build the modules, then add the configs and tools to them."""
        if self.editable_mode:
            super().run()
            link_content(ROOT / PACKAGE / '.mim')
            return
        # Modules that were removed since an earlier build do not come back.
        shutil.rmtree(Path(self.build_lib, 'projects'), ignore_errors=True)
        super().run()
        copy_content(Path(self.build_lib, PACKAGE, '.mim'))


def copy_content(target: Path) -> None:
    """Copy configs, tools and the model index to ``target``."""
    for name in MIM_CONTENT:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns('__pycache__', '*.py[cod]')
            shutil.copytree(source, target / name, ignore=ignored)
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)


def link_content(target: Path) -> None:
    """Link configs, tools and the model index into ``target``.

    Where the system allows no links (Windows without the right to make
    them), they are copied.
    """
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    try:
        for name in MIM_CONTENT:
            relative = os.path.relpath(ROOT / name, target)
            (target / name).symlink_to(relative, (ROOT / name).is_dir())
    except OSError:
        shutil.rmtree(target)
        copy_content(target)


setup(
    name='scm-wsol',
    version=read_version(),
    description=(
        'Weakly supervised object localization with SCM and TS-CAM, '
        'as an MMPretrain project'
    ),
    long_description=(
        read('README.md') if (ROOT / 'README.md').exists() else ''
    ),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    license_files=['LICENSE'],
    keywords=[
        'weakly supervised object localization',
        'vision transformer',
        'OpenMMLab',
    ],
    classifiers=[
        'Development Status :: 4 - Beta',
        'Operating System :: OS Independent',
        'Programming Language :: Python :: 3.10',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'Programming Language :: Python :: 3.13',
        'Topic :: Scientific/Engineering :: Image Recognition',
    ],
    packages=find_namespace_packages(include=['projects.*']),
    include_package_data=True,
    python_requires='>=3.10',
    install_requires=(
        read_requirements('runtime') + read_requirements('mminstall')
    ),
    extras_require={
        'demo': read_requirements('demo'),
        'docs': read_requirements('docs'),
        'export': read_requirements('export'),
        'openvino': read_requirements('openvino'),
        'optional': read_requirements('optional'),
        'tests': read_requirements('tests'),
        'grad-cam': read_requirements('grad-cam'),
        'timm': read_requirements('timm'),
    },
    entry_points={'console_scripts': ['scm-wsol=projects.scm.cli.main:main']},
    cmdclass={'build_py': BuildWithMim},
    zip_safe=False,
)
