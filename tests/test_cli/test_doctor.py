# Copyright (c) SCM-WSOL contributors. All rights reserved.
import pytest

from projects.scm.cli import doctor
from projects.scm.cli.doctor import BROKEN, MISSING, OK, Finding


def test_this_environment_is_sound(capsys) -> None:
    doctor.main([])
    text = capsys.readouterr().out
    assert 'import of the framework: mmpretrain loads' in text
    assert BROKEN not in text
    for name in ('torch 2', 'numpy', 'accelerator', 'compiled operators'):
        assert name in text


def test_a_broken_one_ends_with_an_error(monkeypatch, capsys) -> None:
    broken = Finding(BROKEN, 'torch', 'not installed', 'install it')
    monkeypatch.setattr(doctor, 'LOOKS', (lambda: broken,))
    with pytest.raises(SystemExit) as stop:
        doctor.main([])
    assert stop.value.code == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[3:5] == [
        ' BROKEN  torch: not installed',
        '         -> install it',
    ]


def test_what_is_missing_comes_with_its_cure(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(
        doctor, 'OPTIONAL_MODULES', (('no_such', 'no-such', 'nothing'),)
    )
    [finding] = doctor.look_at_modules()
    assert finding.state == MISSING
    assert finding.found == 'not installed; for nothing'
    assert finding.cure == 'pip install no-such'
    assert doctor._multimodal_note('4.57.6') == ''
    assert 'multimodal models need one before 5' in doctor._multimodal_note(
        '5.24.0'
    )
    monkeypatch.setenv('PATH', str(tmp_path))
    assert doctor.look_at_browser().state == MISSING
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    assert doctor.look_at_weights().state == MISSING
    weights = tmp_path / 'hub' / 'checkpoints' / 'deit.pth'
    weights.parent.mkdir(parents=True)
    weights.touch()
    assert doctor.look_at_weights() == Finding(
        OK, 'pretrained weights', 'deit.pth'
    )
    monkeypatch.setenv('NUMBA_CACHE_DIR', str(tmp_path))
    assert doctor.look_at_cache().state == OK
    monkeypatch.setenv('NUMBA_CACHE_DIR', str(tmp_path / 'nowhere'))
    assert doctor.look_at_cache().state == MISSING
