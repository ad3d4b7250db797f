# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The installer of mmcv's operators, with a Python and a compiler that only
write down what they are told.
"""

import os
import subprocess
from pathlib import Path

import pytest

# Answers what the script asks it; pip "installs" by touching a file.
PYTHON = """#!/bin/sh
echo "python $*" >>"{log}"
case "$*" in
    *mmcv._ext*) [ -e "{root}/installed" ] || exit 1 ;;
    *"import $MISSING"*) exit 1 ;;
    *'m.version("mmcv")'*) exit $NO_UPSTREAM ;;
    *torch.version.cuda*) exit $NO_CUDA ;;
    *include_paths*) echo "/torch/include" ;;
    *mmcv.__version__*) echo 2.3.6 ;;
    *--force-reinstall*)
        echo "ops=$MMCV_WITH_OPS cuda=$FORCE_CUDA jobs=$MAX_JOBS" >>"{log}"
        echo "flags=$CFLAGS" >>"{log}"
        [ -n "$FAILS" ] || touch "{root}/installed" ;;
esac
exit 0
"""
COMPILER = """#!/bin/sh
echo "compiler $*" >>"{log}"
case "$*" in
    *--version*) echo "compiler 1.0" ;;
    *-H*) echo "$MARK $4 /x/mmcv_torch.h.gch" >&2 ;;
esac
"""


@pytest.fixture
def install(repo: Path, tmp_path: Path):
    """Run the script; its exit status, output and what it did."""
    log = tmp_path / 'log'
    for name, text in (('python', PYTHON), ('c++', COMPILER)):
        file = tmp_path / 'bin' / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text.format(log=log, root=tmp_path))
        file.chmod(0o755)

    def run(*args: str, **env: str):
        log.write_text('')
        answers = dict(
            MISSING='nothing', NO_UPSTREAM='1', NO_CUDA='1', FAILS='', MARK='!'
        )
        environ = {**os.environ, **answers, **env}
        environ['PATH'] = f'{tmp_path / "bin"}:{environ["PATH"]}'
        for name in ('CXX', 'CUDA_HOME', 'PYTHON'):
            environ.pop(name, None)
        done = subprocess.run(
            ['bash', str(repo / 'tools' / 'install_mmcv_ops.sh'), *args],
            env=environ,
            cwd=tmp_path,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        return done.returncode, done.stdout, log.read_text()

    run.installed = tmp_path / 'installed'
    return run


def test_nothing_is_done_where_the_operators_are(install):
    install.installed.touch()
    code, output, log = install()
    assert code == 0
    assert 'mmcv 2.3.6 has its compiled operators' in output
    assert 'pip' not in log
    assert 'compiler' not in log


def test_the_interpreter_may_be_a_relative_path(install):
    install.installed.touch()
    code, output, log = install('--python', 'bin/python')
    assert code == 0
    assert 'nothing to do' in output
    assert 'mmcv._ext' in log
    code, output, _ = install('--python', 'bin/none')
    assert code != 0
    assert 'no such Python: bin/none' in output


def test_the_build_uses_the_precompiled_header(install):
    code, output, log = install('--jobs', '3')
    assert code == 0, output
    assert 'done' in output
    assert 'ops=1 cuda=0 jobs=3' in log
    (flags,) = (f for f in log.splitlines() if f.startswith('flags='))
    flags, _, header = flags.removeprefix('flags=').partition(' -include ')
    assert header.endswith('mmcv_torch.h')
    # The header was made with the very flags of the build.
    assert f'compiler {flags} -isystem /torch/include -x c++-header' in log
    assert '--no-build-isolation' in log
    assert 'onedl-mmcv==2.3.6' in log
    # Nothing is left behind.
    assert not Path(header).parent.exists()


def test_force_builds_again(install):
    install.installed.touch()
    code, output, log = install('--force')
    assert code == 0, output
    assert '--force-reinstall' in log


def test_a_compiler_without_precompiled_headers(install):
    code, output, log = install(MARK='x')
    assert code == 0, output
    assert 'will take long' in output
    assert '-include' not in log.split('flags=')[1]


def test_cuda_needs_its_compiler(install, tmp_path):
    code, output, log = install(NO_CUDA='0', PATH='/usr/bin:/bin')
    if code:  # no nvcc on this machine
        assert 'set CUDA_HOME, or leave them out with --cpu' in output
        assert 'pip' not in log
    nvcc = tmp_path / 'bin' / 'nvcc'
    nvcc.write_text('#!/bin/sh\n')
    nvcc.chmod(0o755)
    _, _, log = install('--force', NO_CUDA='0')
    assert 'ops=1 cuda=1' in log
    _, _, log = install('--force', '--cpu', NO_CUDA='0')
    assert 'ops=1 cuda=0' in log


@pytest.mark.parametrize(
    ('args', 'env', 'message'),
    [
        (['--fast'], {}, 'unknown argument: --fast'),
        (['--jobs'], {}, '--jobs needs a value'),
        (['--jobs', '0'], {}, 'not a number: 0'),
        (['--python', 'no-such-python'], {}, 'no such Python'),
        ([], {'MISSING': 'ninja'}, 'pip install ninja'),
        ([], {'NO_UPSTREAM': '0'}, 'pip uninstall mmcv'),
        ([], {'FAILS': '1'}, 'do not load'),
    ],
)
def test_what_is_wrong_is_said(install, args, env, message):
    code, output, _ = install(*args, **env)
    assert code == 1
    assert message in output
