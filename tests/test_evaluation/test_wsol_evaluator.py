# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The metric inside MMEngine."""

import json
import logging
import pickle
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger
from mmengine.structures import InstanceData
from mmpretrain.registry import METRICS
from mmpretrain.structures import DataSample
from parity_data import load_images

from projects.scm.evaluation.functional import (
    EvaluationPlan,
    format_table,
    record_image,
    summarize,
)
from projects.scm.evaluation.metrics import WSOLEvaluator


@pytest.fixture(scope='module')
def samples(parity_dir):
    made = []
    for image in load_images(parity_dir):
        width, height = (int(side) for side in image['image_size_wh'])
        label = int(image['gt_label'])
        boxes = [[float(v) for v in box] for box in image['gt_boxes']]
        sample = DataSample(
            metainfo={
                'img_path': f'{image["name"]}.jpg',
                'ori_shape': (height, width),
                'instances': [
                    {'bbox': box, 'bbox_label': label, 'ignore_flag': 0}
                    for box in boxes
                ],
            }
        )
        sample.set_gt_label(label)
        scores = torch.zeros(8)
        best = [int(c) for c in image['ranking']]
        scores[best] = torch.linspace(1, 0.5, len(best))
        sample.set_pred_score(scores)
        sample.score_maps = torch.tensor(image['maps'])
        sample.score_map_labels = torch.tensor(np.array(image['map_labels']))
        # What the model saw; the evaluation must not look at it.
        sample.gt_instances = InstanceData(bboxes=torch.zeros(len(boxes), 4))
        made.append(sample)
    return made


@pytest.fixture(scope='module')
def expected(parity_dir):
    plan = EvaluationPlan.build(['scm', 'wsoleval', 'tscam'])
    images = load_images(parity_dir)
    return summarize(plan, [record_image(plan, **i) for i in images])


def run(samples, split=None, **options):
    """Through MMEngine's evaluator, in batches."""
    evaluator = Evaluator(METRICS.build({'type': 'WSOLEvaluator', **options}))
    evaluator.dataset_meta = {'split': split} if split else {}
    for start in range(0, len(samples), 10):
        evaluator.process(data_samples=samples[start : start + 10])
    return evaluator.evaluate(len(samples))


def test_same_figures_as_on_arrays(samples, expected):
    metrics = run(samples, protocol=['scm', 'wsoleval', 'tscam'])
    assert metrics == {
        f'wsol/{summary.protocol.name}/{key}': value
        for summary in expected
        for key, value in summary.metrics().items()
    }
    assert all(type(value) is float for value in metrics.values())


def test_padded_samples_do_not_count(samples):
    """A sampler repeats images to fill the last batch of every rank."""
    evaluator = Evaluator(METRICS.build({'type': 'WSOLEvaluator'}))
    evaluator.process(data_samples=samples + samples[:5])
    assert evaluator.evaluate(len(samples)) == run(samples)


@pytest.mark.parametrize('num_workers', [1, 3])
def test_later_batches_are_evaluated_in_threads(samples, num_workers):
    """Process returns before they are; figures are the same."""
    metric = WSOLEvaluator(num_workers=num_workers)
    threads, gate = set(), threading.Event()
    record = metric._record

    def waiting_record(sample):
        threads.add(threading.current_thread())
        if len(metric.results) >= 8:
            assert gate.wait(30)
        return record(sample)

    metric._record = waiting_record
    dicts = [sample.to_dict() for sample in samples]
    metric.process({}, dicts[:8])
    assert len(metric.results) == 8
    assert threads == {threading.main_thread()}
    metric.process({}, dicts[8:12])
    assert len(metric.results) == 8
    gate.set()
    for begin in range(12, len(dicts), 4):
        metric.process({}, dicts[begin : begin + 4])
    found = metric.evaluate(len(dicts))
    assert found == run(samples)
    assert 1 < len(threads) <= 1 + num_workers


def test_a_bad_sample_of_a_later_batch_ends_the_test(samples):
    bad = samples[9].to_dict()
    del bad['score_maps']
    dicts = [sample.to_dict() for sample in samples]
    for last in ([dicts[10:14]] * 2, []):
        metric = WSOLEvaluator()
        metric.process({}, dicts[:8])

        def go_on(metric=metric, last=last):
            for batch in ([dicts[8], bad], *last):
                metric.process({}, batch)
            metric.evaluate(len(dicts))

        with pytest.raises(ValueError, match=r'image 9.jpg: .*score_maps'):
            go_on()


def test_calculate(samples, expected):
    dicts = [sample.to_dict() for sample in samples]
    found = WSOLEvaluator.calculate(dicts, ['scm', 'wsoleval', 'tscam'])
    assert [s.metrics() for s in found] == [s.metrics() for s in expected]


def test_results_are_small(samples):
    metric = WSOLEvaluator(['scm', 'wsoleval', 'tscam'])
    metric.process(None, [sample.to_dict() for sample in samples])
    assert len(pickle.dumps(metric.results)) / len(samples) < 4000


def test_validated_thresholds(samples, tmp_path):
    file = tmp_path / 'thresholds.json'
    oracle = run(samples, 'val', threshold_file=str(file))
    content = json.loads(file.read_text())
    assert content['split'] == 'val'
    assert content['num_images'] == 48
    assert (
        content['thresholds']['scm']['top1_loc']
        == oracle['wsol/scm/top1_loc_threshold']
    )
    threshold = {'type': 'val', 'file': str(file)}
    same = run(samples, 'test', threshold=threshold)
    assert same['wsol/scm/top1_loc'] == oracle['wsol/scm/top1_loc']
    assert same['wsol/scm/top1_loc_oracle_gap'] == 0
    with pytest.raises(ValueError, match="chosen on the split 'val'"):
        run(samples, 'val', threshold=threshold)


@pytest.fixture
def logged(caplog):
    """What MMEngine's logger says, which hands nothing on."""
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    with caplog.at_level(logging.INFO):
        yield caplog
    logger.removeHandler(caplog.handler)


def test_logs_a_table(samples, logged):
    run(samples, 'test')
    assert "split 'test', 48 images" in logged.text
    assert 'centred square' in logged.text


def test_logs_the_differences_to_another_run(samples, tmp_path, logged):
    file = tmp_path / 'earlier.pkl'
    items = [sample.to_dict() for sample in samples]
    for item in items[:24]:  # half of the maps tell nothing
        item['score_maps'] = torch.zeros_like(item['score_maps'])
    file.write_bytes(pickle.dumps(items[::-1]))
    run(samples, protocol=['scm', 'tscam'], compare_with=str(file))
    text = logged.text.partition('Differences to earlier, on the same 48 ')[2]
    mine, theirs = (
        WSOLEvaluator.calculate(maps, 'scm')[0].figures['top1_loc'].value
        for maps in ([sample.to_dict() for sample in samples], items)
    )
    row = next(x for x in text.splitlines() if ' top1_loc ' in x).split()
    assert row[2:5] == [
        f'{mine:.2f}',
        f'{theirs:.2f}',
        f'{mine - theirs:+.2f}',
    ]
    assert float(row[5]) <= mine - theirs <= float(row[7])
    assert 'Differences: paired bootstrap over the images' in text
    file.write_bytes(pickle.dumps(items[1:]))
    with pytest.raises(ValueError, match=r'earlier\.pkl has no image of'):
        run(samples, compare_with=str(file))
    file.write_bytes(pickle.dumps([*items, dict(items[0], img_path='x.jpg')]))
    with pytest.raises(ValueError, match=r'expected the 48 .*1 extra.*x\.jpg'):
        run(samples, compare_with=str(file))
    with pytest.raises(FileNotFoundError, match=r'none\.pkl does not'):
        WSOLEvaluator(compare_with='none.pkl')
    with pytest.raises(ValueError, match='boxes of a detector'):
        WSOLEvaluator(classifier_results=str(file), compare_with=str(file))


def test_figures_of_five_classes_need_six(samples):
    """Of five, the best five are all; 8 classes here."""
    for items in (samples, without_boxes(samples)):
        (summary,) = WSOLEvaluator.calculate(item.to_dict() for item in items)
        assert summary.num_classes == 8
        assert 'top5' in format_table([replace(summary, num_classes=6)])
        table = format_table([replace(summary, num_classes=5)] * 2)
        assert 'top5' not in table
        assert 'top1_cls_acc' in table


def test_ignored_boxes_are_left_out(samples):
    sample = samples[0].to_dict()
    far = {'bbox': [0, 0, 1, 1], 'bbox_label': 0, 'ignore_flag': 1}
    far['bbox_label'] = int(sample['gt_label'])
    changed = dict(sample, instances=[*sample['instances'], far])
    one, two = (
        WSOLEvaluator.calculate([s])[0].metrics() for s in (sample, changed)
    )
    assert one == two
    with pytest.raises(ValueError, match='no ground truth box'):
        WSOLEvaluator.calculate([dict(sample, instances=[far])])


def test_boxes_that_the_pipeline_fitted_are_counted(samples):
    fitted = dict(samples[0].to_dict(), num_cut_boxes=2, num_moved_boxes=3)
    (found,) = WSOLEvaluator.calculate([fitted, samples[1].to_dict()])
    assert (found.num_cut_boxes, found.num_moved_boxes) == (2, 3)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'score_maps': None}, r"missing \['score_maps'\]"),
        ({'instances': None, 'ori_shape': None}, "'instances', 'ori_shape'"),
        ({'gt_label': torch.tensor([1, 2])}, r'gt_label: .*\[1, 2\]'),
        ({'instances': [{'box': [0, 0, 1, 1]}]}, r'instances\[0\]: missing'),
        (
            {'instances': [{'bbox': [0, 0, 9, 9], 'bbox_label': 99}]},
            'bbox_label 99 differs from gt_label',
        ),
        (
            {'instances': [{'bbox': [90, 90, 30, 30]}]},
            'is it x, y, width, height',
        ),
        ({'score_maps': torch.full((6, 3, 3), torch.nan)}, 'score_maps'),
    ],
)
def test_bad_samples_are_named(samples, change, message):
    sample = next(s for s in samples if len(s.score_maps) == 6).to_dict()
    sample.update(change)
    with pytest.raises(ValueError, match=rf'image \d+.jpg: .*{message}'):
        WSOLEvaluator.calculate([sample])


def without_boxes(samples):
    bare = [sample.clone() for sample in samples]
    for sample in bare:
        sample.set_field([], 'instances', field_type='metainfo')
    return bare


def test_a_set_without_boxes_has_classification_figures_alone(
    samples, tmp_path, caplog
):
    bare, file = without_boxes(samples), tmp_path / 'thresholds.json'
    protocol = ['scm', 'tscam']
    with caplog.at_level(logging.INFO):
        logging.getLogger('mmengine').propagate = True
        metrics = run(bare, protocol=protocol, threshold_file=str(file))
    expected = run(samples, protocol=protocol)
    assert sorted(metrics) == [
        f'wsol/{name}/top{k}_cls_acc' for name in protocol for k in (1, 5)
    ]
    assert metrics == {key: expected[key] for key in metrics}
    (summary, _) = WSOLEvaluator.calculate(
        (sample.to_dict() for sample in bare), protocol
    )
    assert summary.figures == summary.errors == summary.thresholds() == {}
    assert summary.to_dict()['classification'] == summary.classification
    table = format_table([summary], 'test')
    assert 'Localization on' not in table
    assert 'No localization figures' in table
    assert 'with_boxes=False' in table
    assert f'top1_cls_acc  {metrics["wsol/scm/top1_cls_acc"]:.2f}' in table
    assert not file.exists()


def test_some_images_without_boxes_are_an_error_at_once(samples):
    mixed = [*samples[:11], *without_boxes(samples[11:])]
    message = r'image 11.jpg: no ground truth box.*with_boxes=False'
    with pytest.raises(ValueError, match=message):
        run(mixed)
    with pytest.raises(ValueError, match=message):
        WSOLEvaluator.calculate(sample.to_dict() for sample in mixed)
    # not even one that comes first, where the dataset promises boxes
    metric = WSOLEvaluator()
    metric.dataset_meta = {'with_boxes': True}
    with pytest.raises(ValueError, match=r'image 11.jpg: no gr'):
        metric.process({}, [mixed[11].to_dict()])


def test_nothing_to_evaluate():
    with pytest.raises(ValueError, match='no images'):
        WSOLEvaluator.calculate([])


TWO_RANKS = """
import pickle, sys
import torch.distributed as dist
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger
from mmpretrain.registry import METRICS
import projects.scm.register

rank, path = int(sys.argv[1]), sys.argv[2]
dist.init_process_group(
    'gloo', init_method=f'file://{path}.sync', rank=rank, world_size=2
)
samples = pickle.load(open(path, 'rb'))
size = len(samples)
samples.append(samples[0])  # padded to an even number
evaluator = Evaluator(METRICS.build({'type': 'WSOLEvaluator'}))
evaluator.process(data_samples=samples[rank::2])
metrics = evaluator.evaluate(size)
pickle.dump(metrics, open(f'{path}.{rank}', 'wb'))
# Left to the end of the interpreter, gloo's threads now and then abort.
dist.barrier()
dist.destroy_process_group()
"""


@pytest.mark.slow
def test_two_processes(samples, tmp_path, repo):
    path = tmp_path / 'samples.pkl'
    odd = samples[:47]
    path.write_bytes(pickle.dumps([sample.to_dict() for sample in odd]))
    ranks = [
        subprocess.Popen(
            [sys.executable, '-c', TWO_RANKS, str(rank), str(path)], cwd=repo
        )
        for rank in range(2)
    ]
    assert [process.wait(300) for process in ranks] == [0, 0]
    expected = run(odd)
    for rank in range(2):
        found = pickle.loads((tmp_path / f'samples.pkl.{rank}').read_bytes())
        assert found == expected
