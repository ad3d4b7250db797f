# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The faults of ``mutations.yml``, for ``mutants.py``."""

import ast
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
LIST = Path(__file__).with_name('mutations.yml')
PACKAGE = Path('projects', 'scm')


@dataclass(frozen=True)
class Mutation:
    """One fault.

    Attributes:
        name: Unique: the file's name and a number or word.
        file: Relative to the package.
        what: The fault in words.
        old: Text that occurs once in the file.
        new: What stands there instead.
        tests: Arguments of pytest, relative to the folder of tests.
        equivalent: Why no test can see it, where none can.
    """

    name: str
    file: str
    what: str
    old: str
    new: str
    tests: tuple[str, ...]
    equivalent: str | None = None

    def text(self, root: Path | None = None) -> str:
        """The faulty file.

        Args:
            root: A checkout. Defaults to None, this one.

        Raises:
            ValueError: If the text does not occur once, or the result is no
                Python.
        """
        path = (root or REPO) / PACKAGE / self.file
        source = path.read_text()
        count = source.count(self.old)
        if count != 1:
            raise ValueError(
                f'{self.name}: {path}: expected once, found {count} times: '
                f'{self.old!r}'
            )
        faulty = source.replace(self.old, self.new)
        try:
            changed = ast.dump(ast.parse(faulty)) != ast.dump(
                ast.parse(source)
            )
        except SyntaxError as error:
            raise ValueError(f'{self.name}: no Python: {error}') from error
        if not changed:
            raise ValueError(f'{self.name}: the program stays the same')
        return faulty


def read_list(path: Path = LIST) -> list[Mutation]:
    """Read the list of faults.

    Raises:
        ValueError: If fields are missing or unknown, or two faults have one
            name.
    """
    import yaml

    faults = []
    for group in yaml.safe_load(path.read_text()):
        for entry in group['mutations']:
            tests = entry.pop('tests', group.get('tests'))
            try:
                faults.append(
                    Mutation(
                        file=group['file'], tests=tuple(tests.split()), **entry
                    )
                )
            except (TypeError, AttributeError) as error:
                raise ValueError(f'{path}: {entry}: {error}') from error
    repeated = [
        name
        for name, count in Counter(f.name for f in faults).items()
        if count > 1
    ]
    if repeated:
        raise ValueError(f'{path}: several faults have the names {repeated}')
    return faults


def check_list(faults: list[Mutation]) -> None:
    """Tell all faults that do not fit the sources any more.

    Raises:
        ValueError: If there are any.
    """
    problems = []
    for fault in faults:
        try:
            fault.text()
        except (OSError, ValueError) as error:
            problems.append(str(error))
        for test in fault.tests:
            file = REPO / 'tests' / test.partition('::')[0]
            if not file.exists():
                problems.append(f'{fault.name}: {file}: no such tests')
    if problems:
        raise ValueError('\n'.join(problems))
