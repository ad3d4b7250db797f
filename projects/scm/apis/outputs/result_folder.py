# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The folder of one run, into which no other run is mixed."""

import datetime
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from projects.scm.apis.sources import RESULT_MARKER
from projects.scm.utils import read_json, write_json
from projects.scm.utils.counting import counted

from .writer import ResultWriter


class ResultFolder:
    """Writes the results of one run into a folder of its own.

    The file :data:`~projects.scm.apis.sources.RESULT_MARKER` in it tells how
    the results came about, whether the run has ended, what failed, and which
    entries of the folder belong to it. Use it as a context.

    Args:
        path (str | Path): The folder; it is made.
        writers (Iterable[type[ResultWriter]]): Formats.
        classes (Sequence[str]): Names of all classes.
        info (dict[str, Any]): How the results came about.
        entries (Sequence[str]): Further files and folders, directly in the
            folder, that the caller writes.
        overwrite (bool): Remove the results of an earlier run first, and
            nothing but them. Defaults to False.

    Raises:
        FileExistsError: If there are results of an earlier run and they are
            not to be removed, or other files in the way.
    """

    def __init__(
        self,
        path: str | Path,
        writers: Iterable[type[ResultWriter]],
        classes: Sequence[str],
        info: dict[str, Any],
        entries: Sequence[str] = (),
        overwrite: bool = False,
    ) -> None:
        self.path = Path(path)
        self.failures: list[dict[str, str]] = []
        self.num_results = 0
        self.num_boxes = 0
        kinds = list(writers)
        self._entries = sorted(
            {*entries, *(e for kind in kinds for e in kind.entries)}
        )
        self._info = dict(info)
        self._started = _now()
        clear_results(self.path, self._entries, overwrite)
        self.path.mkdir(parents=True, exist_ok=True)
        self._mark('running')
        self.writers = [kind(self.path, classes, info) for kind in kinds]

    def add(self, result: dict) -> None:
        """Write one result in all formats."""
        for writer in self.writers:
            writer.add(result)
        self.num_results += 1
        self.num_boxes += len(result['bboxes'])

    def fail(self, name: str, error: Exception) -> None:
        """Note a picture that gave no result."""
        self.failures.append({'picture': name, 'error': str(error)})

    def __enter__(self) -> 'ResultFolder':
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.written = [writer.close() for writer in self.writers]
        self._mark('complete' if kind is None else 'stopped')

    def _mark(self, state: str) -> None:
        write_json(
            self.path / RESULT_MARKER,
            dict(
                state=state,
                started=self._started,
                updated=_now(),
                results=self.num_results,
                boxes=self.num_boxes,
                failures=self.failures,
                entries=self._entries,
                info=self._info,
            ),
        )


def clear_results(
    path: Path, entries: Sequence[str], overwrite: bool = False
) -> None:
    """Make sure that a folder has no results of another run.

    Args:
        path (Path): The folder, which need not exist.
        entries (Sequence[str]): What will be written directly in it.
        overwrite (bool): Remove the entries that the marker of an earlier
            run lists. Defaults to False.

    Raises:
        FileExistsError: See :class:`ResultFolder`.
    """
    marker = path / RESULT_MARKER
    if marker.is_file():
        old = _read_marker(marker)
        if not overwrite:
            raise FileExistsError(
                f'{path}: holds the results of another run ({old["state"]}, '
                f'{counted(old["results"], "picture")}, started '
                f'{old["started"]}). Give another folder, or --overwrite to '
                'replace them'
            )
        for entry in old['entries']:
            target = path / entry
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            else:
                target.unlink(missing_ok=True)
        marker.unlink()
    present = [entry for entry in entries if (path / entry).exists()]
    if present:
        raise FileExistsError(
            f'{path}: has {", ".join(present)}, which no run of this tool '
            'is known to have written. Give another folder, or move them'
        )


def _read_marker(marker: Path) -> dict[str, Any]:
    """What an earlier run says; entries that leave its folder are refused."""
    try:
        content = read_json(marker)
        entries = content['entries']
        for key in ('state', 'results', 'started'):
            content[key]
        if any(Path(e).name != e or e in ('', '.', '..') for e in entries):
            raise ValueError(f'entries {entries}')
    except (ValueError, KeyError, TypeError) as error:
        raise FileExistsError(
            f'{marker}: is not as this tool writes it ({error!r}); move it '
            'away, or give another folder'
        ) from error
    return content


def _now() -> str:
    return datetime.datetime.now().astimezone().isoformat(timespec='seconds')
