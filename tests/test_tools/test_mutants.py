# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Faults are tried one by one, and every verdict is the right one."""

import importlib
import json
import subprocess
import sys

import pytest


@pytest.fixture
def mutants(repo, monkeypatch):
    monkeypatch.syspath_prepend(str(repo / 'tools' / 'benchmarks'))
    return importlib.import_module('mutants')


LIST = """
- file: shop.py
  tests: test_shop.py
  mutations:
    - {name: dearer, what: price, old: 'price * count', new: 'price + count'}
    - {name: rounds, what: cents, old: 'total, 2', new: 'total, 3'}
    - {name: lazy, what: speed, old: 'PAGE = 10', new: 'PAGE = 20',
       equivalent: pages are put together again}
    - {name: seen, what: no, old: 'return round', new: 'return abs or round',
       equivalent: it is not}
"""


@pytest.fixture
def project(mutants, tmp_path, monkeypatch):
    """A package of one module, its tests and a list of faults."""
    package = tmp_path / 'projects' / 'scm'
    package.mkdir(parents=True)
    (package / '__init__.py').write_text('')
    (package / 'shop.py').write_text(
        'PAGE = 10\n\n\ndef cost(price, count):\n'
        '    total = price * count\n    return round(total, 2)\n'
    )
    (tmp_path / 'tests').mkdir()
    (tmp_path / 'tests' / 'test_shop.py').write_text(
        'from projects.scm.shop import cost\n\n\ndef test_cost():\n'
        '    assert cost(3, 4) == 12\n'
    )
    (tmp_path / 'list.yml').write_text(LIST)
    subprocess.run(['git', 'init', '-q'], cwd=tmp_path, check=True)
    for module in (mutants, importlib.import_module('mutation_list')):
        monkeypatch.setattr(module, 'REPO', tmp_path)
    return tmp_path


RUN = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv.pop(1))
import mutants, mutation_list
mutants.REPO = mutation_list.REPO = Path(sys.argv.pop(1))
mutants.HEAVY = ('pytest', 'numba', '_hypothesis_pytestplugin')
mutants.prepare_environment = lambda: None
mutants.main()
"""


@pytest.mark.slow
def test_verdicts(mutants, repo, project):
    out = project / 'out.json'
    command = [sys.executable, '-c', RUN, str(repo / 'tools' / 'benchmarks')]
    command += [str(project), '--list', str(project / 'list.yml')]
    done = subprocess.run(
        [*command, '--out', str(out)], capture_output=True, text=True
    )
    assert 'as it is: 1 tests passed' in done.stdout, done.stderr
    assert done.returncode == 1
    assert 'some faults survived' in done.stderr
    content = json.loads(out.read_text())
    verdicts = {m['name']: m['verdict'] for m in content['mutations']}
    assert verdicts == {
        'dearer': 'killed',
        'rounds': 'survived',
        'lazy': 'equivalent',
        'seen': 'killed',  # what is said of it is not true
    }
    assert content['counts']['mutations'] == 4
    by = content['mutations'][0]['killed_by']
    assert by['test'] == 'tests/test_shop.py::test_cost'
    assert by['error'].startswith('assert 7 == 12')
    # The package is what it was; what is known need not be tried again.
    shop = project / 'projects' / 'scm' / 'shop.py'
    assert 'price * count' in shop.read_text()
    faults = mutants.read_list(project / 'list.yml')
    assert mutants.collect(faults, mutants.kept_results(out, None)) == content
    again = mutants.collect(faults, mutants.kept_results(out, 'survived'))
    assert again['counts']['not run'] == 1
    # What is not meant keeps its result.
    others = mutants.kept_results(out, 'killed', ['dearer'])
    assert set(others) == {'rounds', 'lazy', 'seen'}


@pytest.mark.parametrize(
    ('old', 'new', 'message'),
    [
        ('price', 'x', 'expected once, found 2 times'),
        ('cheap', 'x', 'expected once, found 0 times'),
        ('PAGE = 10', 'PAGE = (10)', 'the program stays the same'),
        ('PAGE = 10', 'PAGE = (', 'no Python'),
    ],
)
def test_what_is_no_fault(mutants, project, old, new, message):
    fault = mutants.Mutation('a', 'shop.py', '', old, new, ('no_tests.py',))
    with pytest.raises(ValueError, match=message):
        fault.text()
    with pytest.raises(ValueError, match=rf'{message}(.|\n)*no such tests'):
        mutants.check_list([fault])


def test_the_list_fits_the_sources(mutants):
    faults = mutants.read_list()
    mutants.check_list(faults)
    assert len(faults) >= 80
    assert all(fault.what and fault.tests for fault in faults)


def test_fields_of_the_list_are_checked(mutants, tmp_path):
    file = tmp_path / 'list.yml'
    file.write_text(LIST.replace('new:', 'now:'))
    with pytest.raises(ValueError, match=r'list\.yml.*dearer.*now'):
        mutants.read_list(file)
    file.write_text(LIST.replace('rounds', 'dearer'))
    with pytest.raises(ValueError, match=r"have the names \['dearer'\]"):
        mutants.read_list(file)
