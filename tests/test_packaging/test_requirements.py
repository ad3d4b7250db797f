# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The tested set of versions fits the ranges that users get."""

from pathlib import Path

import pytest
from packaging.requirements import Requirement

from projects.scm.utils.environment import REQUIRED_MODULES

FILES = (
    'runtime',
    'mminstall',
    'optional',
    'mmdet',
    'export',
    'openvino',
    'demo',
    'docs',
    'tests',
    'timm',
    'grad-cam',
)


def read(repo: Path, name: str) -> list[Requirement]:
    lines = (repo / 'requirements' / f'{name}.txt').read_text().splitlines()
    stripped = (line.partition('#')[0].strip() for line in lines)
    return [Requirement(line) for line in stripped if line]


@pytest.fixture(params=['3.10', '3.11', '3.12', '3.13'])
def pins(repo: Path, request) -> dict[str, str]:
    """Name -> the one version of constraints.txt for a version of Python."""
    found = {}
    environment = {'python_version': request.param}
    for pin in read(repo, 'constraints'):
        if pin.marker is None or pin.marker.evaluate(environment):
            (specifier,) = pin.specifier
            assert specifier.operator == '==', pin
            assert pin.name not in found
            found[pin.name] = specifier.version
    assert found.keys() == {pin.name for pin in read(repo, 'constraints')}
    return found


@pytest.mark.parametrize('name', FILES)
def test_pins_are_within_the_ranges(repo, pins, name) -> None:
    for requirement in read(repo, name):
        if requirement.name in pins:
            assert requirement.specifier.contains(pins[requirement.name])


def test_packages_that_decide_results_are_pinned(repo, pins) -> None:
    framework = {req.name for req in read(repo, 'mminstall')}
    assert {'torch', 'torchvision', 'numpy', *framework} <= pins.keys()
    assert pins['opencv-python'] == pins['opencv-python-headless']


def test_checked_modules_are_those_of_mminstall(repo, pins) -> None:
    """The check at import accepts what is installed by us."""
    framework = {req.name for req in read(repo, 'mminstall')}
    assert {dist for _, _, dist in REQUIRED_MODULES.values()} == framework
    for low, high, distribution in REQUIRED_MODULES.values():
        accepted = Requirement(f'x>={low},<{high}').specifier
        assert accepted.contains(pins[distribution])
