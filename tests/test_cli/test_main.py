# Copyright (c) SCM-WSOL contributors. All rights reserved.
import os
import subprocess
import sys

import pytest

from projects.scm.cli import main as command_line


def test_usage_names_all_commands(capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        command_line.main(['--help'])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    for name in command_line.COMMANDS:
        assert f'\n  {name} ' in text
    with pytest.raises(SystemExit) as stop:
        command_line.main([])
    assert stop.value.code == 2


def test_every_command_has_its_tool() -> None:
    tools = command_line.find_tools()
    for name, command in command_line.COMMANDS.items():
        if command.place.endswith('.py'):
            assert (tools / command.place).is_file(), name


def test_version(capsys) -> None:
    from projects.scm.version import __version__

    command_line.main(['--version'])
    assert capsys.readouterr().out == f'scm-wsol {__version__}\n'


def test_unknown_commands_are_one_line() -> None:
    with pytest.raises(SystemExit, match=r'^ERROR: teach: .*train, localize'):
        command_line.main(['teach'])


def test_a_command_gets_its_arguments(capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        command_line.main(['localize', '--help'])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith('usage: scm-wsol localize ')
    assert '--format' in text


@pytest.mark.parametrize('traceback', [False, True])
def test_errors_are_one_line_unless_asked(repo, tmp_path, traceback) -> None:
    tool = tmp_path / 'tool.py'
    tool.write_text(
        'import sys\n'
        f'sys.path.insert(0, {str(repo / "tools")!r})\n'
        'from _repo_path import run\n'
        'def main():\n'
        '    assert "--traceback" not in sys.argv\n'
        '    raise {"k": KeyError("no such key"), "v": ValueError("a: b"),\n'
        '           "a": ArithmeticError("ours")}[sys.argv[1]]\n'
        'run(main)\n'
    )
    more = ['--traceback'] if traceback else []
    for kind, text in (('k', 'no such key'), ('v', 'a: b'), ('a', 'ours')):
        done = subprocess.run(
            [sys.executable, str(tool), kind, *more],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 1
        assert text in done.stderr
        # What is no fault of the user's shows where it comes from.
        shown = 'Traceback' in done.stderr
        assert shown == (traceback or kind == 'a')
        if not shown:
            assert done.stderr == (
                f'ERROR: {text} (--traceback shows where)\n'
            )


@pytest.mark.parametrize(
    ('given', 'found'),
    [
        ({}, 'PASSIVE'),
        ({'OMP_NUM_THREADS': '2'}, 'PASSIVE'),
        ({'OMP_WAIT_POLICY': 'ACTIVE'}, 'ACTIVE'),
    ],
)
def test_threads_sleep_unless_told_otherwise(
    repo, monkeypatch, given, found
) -> None:
    """It is in the environment before a tool imports torch."""
    monkeypatch.syspath_prepend(repo / 'tools')
    import _repo_path

    for name in ('OMP_NUM_THREADS', 'OMP_WAIT_POLICY'):
        monkeypatch.setenv(name, '')  # for monkeypatch to restore
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, 'argv', ['tool'])
    seen = []
    _repo_path.run(lambda: seen.append(os.environ.get('OMP_WAIT_POLICY')))
    assert seen == [found]
