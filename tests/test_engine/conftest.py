# Copyright (c) SCM-WSOL contributors. All rights reserved.
import pytest
from test_engine.tiny_training import draw_cub


@pytest.fixture(scope='session')
def tiny_cub(tmp_path_factory):
    return draw_cub(tmp_path_factory.mktemp('tiny') / 'cub')
