# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Importing this module registers everything that a config may name.

Configs do so with ``custom_imports``. The models of the model index are known
to ``mmpretrain.list_models`` and ``mmpretrain.get_model`` then.
"""

from pathlib import Path

import projects.scm.utils.prepared  # noqa: F401  before mmpretrain

from . import datasets, engine, models, visualization  # noqa: F401
from .evaluation import metrics  # noqa: F401


def model_index() -> Path | None:
    """The model index: installed with the package, or of the source tree.

    Returns:
        Path | None: None if neither has one, as in a vendored copy.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / '.mim', package.parents[1]):
        file = folder / 'model-index.yml'
        if file.is_file():
            return file
    return None


def register_models() -> None:
    """Add the models of the index to those of mmpretrain."""
    from mmpretrain.apis import ModelHub

    file = model_index()
    if file is not None:
        ModelHub.register_model_index(file, config_prefix=file.parent)


register_models()
