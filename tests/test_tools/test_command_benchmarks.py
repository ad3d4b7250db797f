# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Benchmarks of whole commands: what they compare and add up."""

import json
import subprocess
import sys

import pytest


@pytest.fixture(autouse=True)
def benchmarks(repo, monkeypatch):
    for folder in ('tools', 'tools/benchmarks'):
        monkeypatch.syspath_prepend(str(repo / folder))


def test_agreement_counts_pictures_and_keeps_the_worst_overlap():
    from localizing import Agreement

    agreement = Agreement()
    box = [[0, 0, 9, 9]]
    agreement.add(box, box)
    agreement.add(box, [[0, 0, 9, 4]])
    assert agreement.figures() == dict(same_boxes_percent=50, worst_iou=0.5)
    # A second box that only one of them has.
    agreement.add([*box, [50, 50, 59, 59]], box)
    assert agreement.figures()['worst_iou'] == 0


def test_boxes_of_results_are_read_by_name(tmp_path):
    from localizing import read_boxes

    (tmp_path / 'results.json').write_text(
        '{"images": [{"id": 3, "file_name": "a/x.jpg"},'
        ' {"id": 4, "file_name": "a/y.jpg"}],'
        ' "annotations": [{"image_id": 3, "bbox": [1, 2, 3, 4]}]}'
    )
    boxes = read_boxes(tmp_path)
    assert boxes['x.jpg'].tolist() == [[1, 2, 4, 6]]
    assert boxes['y.jpg'].shape == (0, 4)


def test_commands_take_turns(capfd):
    import commands

    runs = {name: commands.Command(['-c', 'print(1)']) for name in 'ab'}
    found = commands.run_in_turns(runs, 1, 'a')
    lines = capfd.readouterr().err.splitlines()
    assert [line.split(':')[0] for line in lines] == ['a', 'b', 'a', 'b']
    assert found['a']['wall_ratio'] == 1
    assert found['b']['wall_ms'] > 0


@pytest.mark.skipif(sys.platform != 'linux', reason='read from /proc')
def test_peak_memory_is_that_of_the_command():
    import commands

    peaks = []
    for megabytes in (1, 100):
        with subprocess.Popen(
            [
                *(sys.executable, '-c'),
                f'a = b"1" * {megabytes} * 2**20; print("ready", flush=True);'
                'del a; input()',
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as child:
            assert child.stdout.readline() == b'ready\n'
            peaks.append(commands._peak_mib(child.pid))
            child.communicate(b'\n')
    assert 90 < peaks[1] - peaks[0] < 120


def test_a_command_that_fails_says_why():
    import commands

    with pytest.raises(RuntimeError, match='what is wrong'):
        commands.run_command(
            commands.Command(['-c', 'raise SystemExit("what is wrong")'])
        )


def test_a_split_is_that_of_its_records_and_figures_must_be_equal(
    repo, tmp_path, monkeypatch
):
    import commands
    import split_evaluation

    figures = {repo: 1, tmp_path: 1}

    def run_command(command):
        seconds = 6.0 if command.checkout == tmp_path else 2.0
        found = [
            dict(wall=seconds, cpu=n * seconds, figures=figures[command[1]])
            for n in (1, 2)
        ]
        return dict(said='compiling\n' + json.dumps(found))

    monkeypatch.setattr(commands, 'run_command', run_command)
    monkeypatch.setattr(split_evaluation, 'REPO', repo)
    out = tmp_path / 'split.json'
    words = ['--before', str(tmp_path), '--images', '20', '40']
    monkeypatch.setattr(sys, 'argv', ['split', *words, '--out', str(out)])
    split_evaluation.main()
    cases = json.loads(out.read_text())['cases']
    assert [case['case']['images'] for case in cases] == [20, 40]
    assert [c['results']['here']['cpu_ms'] for c in cases] == [2000, 4000]
    assert cases[0]['results']['here']['cpu_ratio'] == pytest.approx(
        1 / 3, abs=1e-4
    )
    figures[tmp_path] = 2
    with pytest.raises(SystemExit, match='differ'):
        split_evaluation.main()
