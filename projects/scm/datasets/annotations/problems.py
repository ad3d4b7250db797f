# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""All problems of annotation files at once, in a message that stays short."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

#: Problems that a message shows; the others are in a file that it names.
SHOWN = 10

#: Problems that are kept; more are counted only.
KEPT = 10_000

#: Characters of what was found that are quoted.
QUOTED = 200


def quote(found: Any) -> str:
    """What was found, as Python writes it, cut at :data:`QUOTED` characters.

    Args:
        found: A line, a field, any value.
    """
    if isinstance(found, str):
        found = found[: QUOTED + 1]
    text = f'{found!r:.{QUOTED + 1}}'
    return text if len(text) <= QUOTED else f'{text[: QUOTED - 1]}…'


class AnnotationError(ValueError):
    """Annotations are wrong.

    Attributes:
        problems (list[str]): Each with file, place, found and expected; one,
            the message, where there is no list of them.
    """

    def __init__(
        self, message: str, problems: Sequence[str] | None = None
    ) -> None:
        super().__init__(message)
        self.problems = [message] if problems is None else list(problems)


class Problems:
    """Problems as they are found.

    Args:
        source: The file or folder, for the summary.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.found: list[str] = []
        self.number = 0

    def __len__(self) -> int:
        return self.number

    def add(self, problem: str) -> None:
        """Note one problem."""
        self.number += 1
        if len(self.found) < KEPT:
            self.found.append(problem)

    def extend(self, problems: Iterable[str]) -> None:
        """Note several."""
        for problem in problems:
            self.add(problem)

    def merge(self, other: 'Problems') -> None:
        """Note what another one holds."""
        self.number += other.number - len(other.found)
        self.extend(other.found)

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Note what fails inside, and go on behind."""
        try:
            yield
        except AnnotationError as error:
            self.extend(error.problems)

    def check(self, notes: Sequence[str] = ()) -> None:
        """Raise what was found.

        Args:
            notes: What was left out; stands below the problems.

        Raises:
            AnnotationError: If there is a problem: a summary line and at most
                :data:`SHOWN` problems. If there are more, all of them are
                written to a file that the summary names.
        """
        if not self.number:
            return
        lines = self.found[:SHOWN]
        if self.number > 1:
            summary = f'{self.source}: {self.number} problems'
            if self.number > SHOWN:
                summary += f', all of them in {_write(self.found)}, the first'
            lines = [f'{summary}:', *(f'  {line}' for line in lines)]
        lines += [f'  note: {note}' for note in notes]
        raise AnnotationError('\n'.join(lines), self.found)


def _write(problems: Sequence[str]) -> str:
    with tempfile.NamedTemporaryFile(
        'w',
        encoding='utf-8',
        errors='backslashreplace',
        prefix='scm_problems_',
        suffix='.txt',
        delete=False,
    ) as file:
        file.writelines(f'{problem}\n' for problem in problems)
    return file.name
