# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Fixtures shared by all tests."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from mmengine.logging import MMLogger

import projects.scm.register  # noqa: F401  (before mmpretrain, in every test)

# The same examples each time; others with --hypothesis-profile=default.
hypothesis.settings.register_profile('repeatable', derandomize=True)
hypothesis.settings.load_profile('repeatable')

REPO = Path(__file__).resolve().parent.parent
TEST_DATA = Path(__file__).resolve().parent / 'data'


@pytest.fixture(autouse=True, scope='module')
def no_log_files_left() -> Iterator[None]:
    """Loggers that tools opened in this process forget their files.

    Whoever sets up logging anew, as a web server does, closes them, and
    MMEngine would write on.
    """
    yield
    for logger in MMLogger._instance_dict.values():
        for handler in list(logger.handlers):
            if isinstance(handler, logging.FileHandler):
                logger.removeHandler(handler)
                handler.close()


@pytest.fixture(scope='session')
def repo() -> Path:
    """Root of the checkout."""
    return REPO


@pytest.fixture(scope='session')
def parity_dir() -> Path:
    """Figures recorded from the official implementations."""
    return TEST_DATA / 'parity'


@pytest.fixture(scope='session')
def external_data() -> Path:
    """Real annotations and photographs that cannot be redistributed.

    ``$SCM_TEST_DATA``, or a folder ``shared`` beside the checkout; the tests
    that need it are skipped where neither exists.
    """
    root = Path(os.environ.get('SCM_TEST_DATA', REPO.parent / 'shared'))
    if not (root / 'metadata').is_dir():
        pytest.skip(f'no external test data at {root} (set SCM_TEST_DATA)')
    return root
