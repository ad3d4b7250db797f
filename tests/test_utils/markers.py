# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Files that would leave a mark, and a storage that they come from."""

import os
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend


class Marker:
    """Leaves a file behind when it is rebuilt: code of the file ran."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


class Elsewhere(LocalBackend):
    """A storage with a scheme of its own."""

    def exists(self, path: str) -> bool:
        return super().exists(path.partition('://')[2])

    def get(self, path: str) -> bytes:
        return super().get(path.partition('://')[2])


register_backend('elsewhere', Elsewhere, prefixes='elsewhere')
