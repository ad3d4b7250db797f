# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Runs are done once, wherever they were stopped."""

import shutil

import pytest
from mmengine.config import Config

from projects.scm.comparison.running import (
    Runner,
    finished_results,
    write_child_config,
)
from projects.scm.comparison.spec import read_comparison


@pytest.fixture
def make_runner(bench, monkeypatch):
    monkeypatch.setattr('projects.scm.comparison.running._POLL_SECONDS', 0.05)
    monkeypatch.setattr('projects.scm.comparison.running._REPORT_SECONDS', 0)

    def make(**options):
        return Runner(
            read_comparison(bench.file),
            tools=bench.tools,
            configs=bench.folder / 'configs',
            results=bench.folder / 'results',
            work_dir=bench.folder / 'work',
            **options,
        )

    return make


def test_all_runs_then_none(bench, make_runner):
    results = make_runner().run()
    assert [(r.method, r.seed) for r in results] == [
        ('tscam', 26),
        ('scm', 26),
        ('tscam', 27),
        ('scm', 27),
    ]
    for result in results:
        assert [epoch.epoch for epoch in result.epochs] == [1, 2]
        assert result.last.threshold('scm/top1_loc', 'labels') == 0.2
        (stamp,) = result.content['trained_by']
        assert stamp['versions']['torch']
        assert stamp['processes'] == 1
    # one training, and a test and a threshold after each of two epochs
    assert len(bench.calls) == 4 * 5
    assert 'randomness.seed=27' in bench.calls[10]
    bench.forget_calls()
    # a later session has the files of results alone
    shutil.rmtree(bench.folder / 'work')
    assert len(make_runner().run()) == 4
    assert bench.calls == []


def test_runs_of_other_folders_are_not_done_again(bench, make_runner):
    make_runner().run()
    results, other = bench.folder / 'results', bench.folder / 'other'
    other.mkdir()
    for path in results.glob('*-scm-*.json'):
        path.rename(other / path.name)
    bench.forget_calls()
    found = make_runner(earlier=[other]).run()
    assert bench.calls == []
    assert [result.method for result in found] == ['tscam', 'scm'] * 2
    assert sorted(results.glob('*-scm-*.json')) == []


def test_a_method_with_the_weights_of_another_is_not_trained(
    bench, make_runner
):
    bench.file.write_text(
        bench.file.read_text().replace(
            "'scm_{dataset}.py',", "'scm_{dataset}.py', weights_of: tscam,"
        )
    )
    results = make_runner().run()
    trained = bench.folder / 'work' / 'birds-tscam-seed26'
    # One training of each seed, and two epochs of each method.
    assert len(bench.calls) == 2 * (1 + 4 + 4)
    test, labels = bench.calls[5:7]
    for call in (test, labels):
        assert call[:2] == [
            str(
                bench.folder
                / 'work'
                / 'birds-scm-seed26'
                / 'birds-scm-seed26.py'
            ),
            str(trained / 'epoch_1.pth'),
        ]
    tscam, scm = (result.content for result in results[:2])
    assert scm['trained_by'] == tscam['trained_by'] != []
    (bench.folder / 'results' / 'birds-scm-seed26.json').unlink()
    shutil.rmtree(bench.folder / 'work')
    with pytest.raises(
        FileNotFoundError, match=r'tscam-seed26.*epoch_1.pth: not there'
    ):
        make_runner().run()


def test_goes_on_where_it_was_stopped(bench, make_runner):
    make_runner().run()
    bench.forget_calls()
    (bench.folder / 'results' / 'birds-scm-seed27.json').unlink()
    folder = bench.folder / 'work' / 'birds-scm-seed27'
    (folder / 'predictions_2.pkl').unlink()
    make_runner().run()
    assert [call[1] for call in bench.calls] == [str(folder / 'epoch_2.pth')]
    bench.forget_calls()
    (bench.folder / 'results' / 'birds-scm-seed27.json').unlink()
    (folder / 'epoch_2.pth').unlink()
    make_runner().run()
    assert '--resume' in bench.calls[0]


def test_options_of_the_recipe_and_of_the_machine(bench, make_runner):
    data = bench.folder / 'elsewhere'
    make_runner(
        data_roots={'birds': str(data)}, cfg_options=['a.b=c'], processes=1
    ).run()
    train, test, labels = bench.calls[5], bench.calls[6], bench.calls[7]
    assert {'a.b=c', f'data_root={data}'} <= set(train)
    for call in (test, labels):
        assert f'data_root={data}' in call
        assert 'a.b=c' not in call
    cfg = Config.fromfile(train[0])
    assert cfg.model.head == {'type': 'Head', 'x': 1}
    content = finished_results(
        read_comparison(bench.file), bench.folder / 'results'
    )[1].content
    assert content['options'] == {'model': {'head': {'x': 1}}}
    assert str(bench.folder) not in str(content)


def test_a_changed_recipe_is_not_mixed_with_the_old_one(bench, make_runner):
    make_runner().run()
    bench.file.write_text(bench.file.read_text().replace('x: 1', 'x: 2'))
    with pytest.raises(ValueError, match=r'options: this result is of'):
        make_runner().run()


def test_a_method_with_a_checkpoint_is_not_trained(bench, make_runner):
    text = bench.file.read_text()
    bench.file.write_text(
        text.replace('options:', "checkpoint: 'ready_{dataset}.pth', options:")
    )
    with pytest.raises(FileNotFoundError, match=r'ready_birds.pth: no such'):
        make_runner(checkpoints=bench.folder)
    ready = bench.folder / 'ready_birds.pth'
    ready.touch()
    results = make_runner(checkpoints=bench.folder).run()
    trained, ready_made = results[:2]
    assert [epoch.epoch for epoch in ready_made.epochs] == [0]
    assert ready_made.content['checkpoint'] == 'ready_birds.pth'
    assert ready_made.content['trained_by'] == []
    assert trained.content['trained_by']
    # two methods: one training with two tests, and one test; two seeds
    assert len(bench.calls) == 2 * (5 + 2)
    assert [call[1] for call in bench.calls].count(str(ready)) == 4
    bench.file.write_text(text)
    with pytest.raises(ValueError, match=r'checkpoint: this result is of'):
        make_runner().run()


def test_protocols_are_looked_at_before_a_training(bench, make_runner):
    config = bench.folder / 'configs' / 'scm_birds.py'
    config.write_text(config.read_text().replace("['scm', 'tscam']", "'scm'"))
    with pytest.raises(
        ValueError,
        match=r"scm_birds.py, method 'scm': .*expected 'tscam'.*\['scm'\]",
    ):
        make_runner().run()
    assert bench.calls == []


def test_models_are_built_before_a_training(bench, make_runner):
    """A word wrong in the last method costs no training of the first."""
    text = bench.file.read_text()
    bench.file.write_text(text.replace('{x: 1}', '{y: 1}'))
    with pytest.raises(
        ValueError, match=r"scm_birds.py, method 'scm': unexpected \['y'\]"
    ):
        make_runner().run()
    assert bench.calls == []


def test_failures_name_the_log(bench, make_runner):
    (bench.folder / 'fail').touch()
    with pytest.raises(RuntimeError, match=r'(?s)train.log.*out of memory'):
        make_runner().run()
    assert (
        finished_results(read_comparison(bench.file), bench.folder / 'results')
        == []
    )


def test_processes_share_a_batch(bench, make_runner):
    (bench.tools / 'dist_train.sh').write_text(
        'python=$PYTHON; config=$1; shift 2\n'
        '"$python" "$(dirname "$0")/train.py" "$config" "$@"\n'
    )
    make_runner(processes=4, label_thresholds=False).run()
    assert 'train_dataloader.batch_size=2' in bench.calls[0]
    shutil.rmtree(bench.folder / 'results')
    shutil.rmtree(bench.folder / 'work')
    with pytest.raises(ValueError, match='batch of 8 cannot be divided'):
        make_runner(processes=3).run()


def test_refuses_before_anything_runs(bench, make_runner):
    with pytest.raises(ValueError, match=r"data_roots: .* got \['dogs'\]"):
        make_runner(data_roots={'dogs': 'x'})
    with pytest.raises(ValueError, match='processes: expected at least 1'):
        make_runner(processes=0)
    (bench.folder / 'configs' / 'scm_birds.py').unlink()
    with pytest.raises(FileNotFoundError, match="method 'scm' on 'birds'"):
        make_runner()


def test_child_config(tmp_path):
    base = tmp_path / 'base.py'
    base.write_text("keys = {'head.x': dict(a=1, b=2)}\nother = 3\n")
    write_child_config(tmp_path / 'c.py', base, {'keys': {'head.x': {'a': 5}}})
    cfg = Config.fromfile(tmp_path / 'c.py')
    assert cfg['keys'] == {'head.x': {'a': 5, 'b': 2}}
    assert cfg.other == 3
