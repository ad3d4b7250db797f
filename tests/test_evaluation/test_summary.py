# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""From maps to figures, against plain loops over images and thresholds."""

import json
from dataclasses import replace

import numpy as np
import pytest
from literal_loop import loop_counts, loop_tscam
from parity_data import load_images

from projects.scm.evaluation.functional import (
    ERROR_KINDS,
    EvaluationPlan,
    Measure,
    ThresholdChoice,
    format_table,
    get_protocol,
    record_image,
    save_thresholds,
    summarize,
)
from projects.scm.structures import boxes_to_frame

IOUS = (0.3, 0.5, 0.7)


def evaluate(images, *protocols, **options):
    plan = EvaluationPlan.build(list(protocols), **options)
    return summarize(plan, [record_image(plan, **i) for i in images])


def with_frame_boxes(images):
    return [
        dict(
            image,
            gt_boxes_224=boxes_to_frame(
                image['gt_boxes'], image['image_size_wh']
            ),
        )
        for image in images
    ]


@pytest.fixture(scope='module')
def images(parity_dir):
    return load_images(parity_dir)


@pytest.fixture(scope='module')
def few(images):
    return images[:16]


def test_counts_at_every_threshold(few):
    protocol = get_protocol('scm')
    protocol = replace(
        protocol, measures=(*protocol.measures, Measure('gt_map'))
    )
    (summary,) = evaluate(few, protocol)
    counts = loop_counts(with_frame_boxes(few), protocol.grid, IOUS)
    names = {
        'gt_map': 'gt_map',
        'gt_known_acc': 'top1',
        'gt_known_top5_acc': 'top5',
        'top1_loc': 'top1_loc',
        'top5_loc': 'top5_loc',
    }
    for measure in protocol.measures:
        for i, iou in enumerate(IOUS):
            expected = counts[names[measure.name]][i]
            assert expected.sum() > 0
            figure = summary.figures[measure.key(iou)]
            assert (figure.curve == expected * 100 / len(few)).all()
            assert figure.value == figure.oracle == figure.curve.max()
            assert figure.threshold == protocol.grid[figure.curve.argmax()]


@pytest.mark.parametrize('threshold', [0.1, 0.123, 0.4])
def test_tscam(images, threshold):
    (summary,) = evaluate(
        images, 'tscam', threshold={'type': 'fixed', 'value': threshold}
    )
    rows = [loop_tscam(i, threshold) for i in with_frame_boxes(images)]
    top1, top5, known, kinds = zip(*rows, strict=True)
    expected = {
        'top1_loc': sum(top1) * 100 / 48,
        'top5_loc': sum(top5) * 100 / 48,
        'gt_known_acc': sum(known) * 100 / 48,
    }
    for name, value in expected.items():
        figure = summary.figures[name]
        assert figure.value == value
        assert figure.threshold == threshold
        assert figure.oracle == max(figure.curve.max(), value)
        assert figure.oracle_gap >= 0
    assert summary.errors_of == 'top1_loc'
    assert summary.errors == {
        kind: kinds.count(kind) * 100 / 48 for kind in ERROR_KINDS
    }
    assert sum(summary.errors.values()) == pytest.approx(100)
    assert summary.errors['right'] == summary.figures['top1_loc'].value


def test_iou_of_exactly_a_half(few):
    """TS-CAM's Top-k needs more than 0.5, its GT-known at least 0.5."""
    score_map = np.zeros((1, 224, 224))
    score_map[0, :100, :100] = 1
    image = dict(
        few[0],
        maps=score_map,
        map_labels=[3],
        gt_label=3,
        ranking=[3],
        image_size_wh=(224, 224),
        gt_boxes=[[0, 0, 100, 100 * 2 + 1]],
    )
    # The box is 0, 0, 100, 100 inclusive: half of 101 x 202.
    (summary,) = evaluate([image], 'tscam')
    values = {k: f.value for k, f in summary.figures.items()}
    assert values['top1_loc'] == values['top5_loc'] == 0
    assert values['gt_known_acc'] == 100
    (summary,) = evaluate([image], 'scm')
    assert summary.figures['top1_loc'].value == 100


def test_constant_maps_are_defined(few):
    """No box: a corner pixel, and two of them for TS-CAM."""
    image = dict(few[0], maps=np.ones_like(few[0]['maps']))
    image['gt_boxes'] = [[0, 0, 2, 2]]
    image['image_size_wh'] = (224, 224)
    scm, tscam = evaluate([image], 'scm', 'tscam')
    # In the frame 1 pixel and 4 pixels of 9.
    assert scm.figures['gt_known_acc_iou30'].value == 0
    assert tscam.figures['gt_known_acc_iou30'].value == 100


def test_protocols_together_are_protocols_alone(few):
    names = ('scm', 'wsoleval', 'tscam')
    together = evaluate(few, *names)
    for name, summary in zip(names, together, strict=True):
        (alone,) = evaluate(few, name)
        assert alone.metrics() == summary.metrics()


def test_mean_over_ious(few):
    (summary,) = evaluate(few, 'wsoleval')
    parts = [summary.figures[f'max_box_acc_v2_iou{d}'] for d in (30, 50, 70)]
    mean = summary.figures['max_box_acc_v2']
    assert mean.value == np.mean([part.value for part in parts])
    assert mean.threshold is None
    assert len({part.threshold for part in parts}) > 1
    assert 'max_box_acc_v2_threshold' not in summary.metrics()
    (fixed,) = evaluate(
        few, 'wsoleval', threshold=ThresholdChoice('fixed', 0.2)
    )
    mean = fixed.figures['max_box_acc_v2']
    assert mean.threshold == 0.2
    metrics = fixed.metrics()
    assert metrics['max_box_acc_v2_oracle_gap'] == mean.oracle_gap > 0
    assert 'max_box_acc_v2_iou30_oracle_gap' not in metrics


def test_floors_of_figures_bear_their_names(few):
    """An object that fills its image, which no centred square does."""
    image = dict(few[0], gt_boxes=[[0, 0, 100, 50]], image_size_wh=(100, 50))
    (summary,) = evaluate([image], 'scm', frame_size=(100, 50))
    for figure in summary.figures.values():
        assert figure.floor_full_image == 100
    figure = summary.figures['top1_loc_iou70']
    assert figure.floor_centred_square == 100
    image['gt_boxes'] = [[40, 15, 61, 36]]
    (summary,) = evaluate([image], 'scm', frame_size=(100, 50))
    figure = summary.figures['top1_loc_iou70']
    assert (figure.floor_full_image, figure.floor_centred_square) == (0, 100)


def test_otsu_is_no_oracle(few):
    """A map that Otsu's threshold cuts right and no one of the grid."""
    score_map = np.full((1, 40, 40), 0.2)
    score_map[0, 10:30, 10:30] = 0.8
    score_map[0, 0], score_map[0, 11, 11] = 0, 1
    image = dict(few[0], maps=score_map, map_labels=[3], gt_label=3)
    image.update(ranking=[3], gt_boxes=[[10, 10, 30, 30]])
    image['image_size_wh'] = (40, 40)
    protocol = dict(type='scm', step=0.9)
    (summary,) = evaluate([image], protocol, frame_size=40)
    figure = summary.figures['top1_loc']
    assert figure.otsu == 100
    assert figure.value == figure.oracle == 0


def test_thresholds_of_another_split(images, tmp_path):
    val, test = images[:24], images[24:]
    (chosen,) = evaluate(val, 'scm')
    file = tmp_path / 'thresholds.json'
    save_thresholds(
        file, {'scm': chosen.thresholds()}, split='val', num_images=24
    )
    (oracle,) = evaluate(test, 'scm')
    (applied,) = evaluate(
        test, 'scm', threshold={'type': 'val', 'file': str(file)}
    )
    gaps = []
    for key, figure in applied.figures.items():
        threshold = chosen.figures[key].threshold
        column = int(np.flatnonzero(applied.protocol.grid == threshold)[0])
        assert figure.threshold == threshold
        assert figure.value == oracle.figures[key].curve[column]
        assert figure.oracle == oracle.figures[key].value
        gaps.append(figure.oracle_gap)
    assert max(gaps) > 0
    assert min(gaps) >= 0
    metrics = applied.metrics()
    assert metrics['top1_loc_oracle_gap'] == (
        applied.figures['top1_loc'].oracle_gap
    )
    assert not any(key.endswith('_gap') for key in oracle.metrics())


def test_otsu(few):
    (summary,) = evaluate(few, 'scm', threshold='otsu')
    for figure in summary.figures.values():
        assert figure.threshold is None
        assert figure.value == figure.otsu
    assert format_table([summary]).count('  per map  ') == len(summary.figures)
    (oracle,) = evaluate(few, 'scm')
    assert {k: f.otsu for k, f in oracle.figures.items()} == {
        k: f.value for k, f in summary.figures.items()
    }


def test_per_class(images):
    (summary,) = evaluate(images, 'scm')
    rows = summary.per_class()
    assert sum(row['num_images'] for row in rows) == len(images)
    for key, figure in summary.figures.items():
        mean = sum(row[key] * row['num_images'] for row in rows) / 48
        assert mean == pytest.approx(figure.value)
    # One class evaluated by itself, at the same threshold.
    label = rows[0]['label']
    members = [i for i in images if i['gt_label'] == label]
    threshold = summary.figures['top1_loc'].threshold
    (alone,) = evaluate(
        members, 'scm', threshold={'type': 'fixed', 'value': threshold}
    )
    assert alone.figures['top1_loc'].value == rows[0]['top1_loc']


def test_to_dict_is_json(few):
    for summary in evaluate(few, 'scm', 'wsoleval', 'tscam'):
        content = json.loads(json.dumps(summary.to_dict()))
        assert content['num_images'] == 16
        name = summary.protocol.measures[0].name
        assert len(content['curves'][name]) == len(
            content['curves']['thresholds']
        )


def test_without_ranking(few):
    blind = [dict(image, ranking=None) for image in few]
    (expected,) = evaluate(few, 'wsoleval')
    (found,) = evaluate(blind, 'wsoleval')
    assert found.classification == {}
    assert found.figures['max_box_acc'].value == (
        expected.figures['max_box_acc'].value
    )
    with pytest.raises(ValueError, match=r'image 0: protocols .*scm'):
        evaluate(blind, 'scm')


def test_the_sixth_class_of_a_ranking_does_not_count(few):
    truth = list(few[0]['map_labels']).index(few[0]['gt_label'])
    score_map = few[0]['maps'][truth]
    image = dict(few[0], maps=[score_map] * 6, map_labels=range(6), gt_label=5)
    plan = EvaluationPlan.build('scm', iou_thresholds=(0.01, 0.5))
    for ranking, rank in (([0, 1, 2, 3, 5, 4], 4), ([0, 1, 2, 3, 4, 5], -1)):
        record = record_image(plan, **dict(image, ranking=ranking))
        assert record.rank == rank
        assert record.hits['scm']['top5_loc'].any() == (rank == 4)
    # Its map is not looked at either.
    blank = np.zeros((6, *score_map.shape))
    empty = record_image(plan, **dict(image, maps=blank, ranking=ranking))
    blank[5] = score_map
    found = record_image(plan, **dict(image, maps=blank, ranking=ranking))
    assert (
        found.hits['scm']['gt_known_top5_acc']
        == empty.hits['scm']['gt_known_top5_acc']
    ).all()


def test_fewer_than_five_classes(few):
    image = dict(few[0], maps=few[0]['maps'][:2], map_labels=[4, 1])
    image.update(ranking=[4, 1], gt_label=1)
    (summary,) = evaluate([image], 'scm')
    assert summary.classification == {
        'top1_cls_acc': 0,
        'top5_cls_acc': 100,
    }


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (
            {'maps': np.zeros((6, 14))},
            r'score_maps: expected shape \(6, h, w\)',
        ),
        ({'maps': np.zeros((5, 4, 4))}, r'score_maps: .* got \(5, 4, 4\)'),
        ({'gt_label': 77}, 'score_map_labels: no map of class 77'),
        ({'gt_boxes': [[50, 50, 20, 20]]}, 'is it x, y, width, height'),
        ({'gt_boxes': [[4000, 0, 5000, 20]]}, 'outside its image'),
    ],
)
def test_bad_input_names_the_image(images, change, message):
    image = next(i for i in images if len(i['map_labels']) == 6)
    with pytest.raises(ValueError, match=f'{image["name"]}: .*{message}'):
        evaluate([dict(image, **change)], 'scm', 'wsoleval')


def test_nan_names_the_image_and_the_class(few):
    maps = few[0]['maps'].copy()
    maps[2, 3, 3] = np.nan
    label = few[0]['map_labels'][2]
    with pytest.raises(ValueError, match=rf'image 0: .*NaN.*\[{label}\]'):
        evaluate([dict(few[0], maps=maps)], 'scm')


def test_no_images():
    with pytest.raises(ValueError, match='no images'):
        evaluate([], 'scm')


def test_table(few):
    summaries = evaluate(few, 'scm', 'wsoleval', 'tscam')
    table = format_table(summaries, 'test')
    assert "split 'test', 16 images" in table
    for word in ('threshold', 'chosen by', 'full image', 'centred square'):
        assert word in table
    lines = {tuple(line.split()[:2]): line for line in table.splitlines()}
    loc = summaries[0].figures['top1_loc']
    cells = lines['scm', 'top1_loc'].split()
    assert cells[2] == f'{loc.value:.2f}'
    interval = summaries[0].intervals()['top1_loc']
    assert (
        f'  {interval.low:.1f} to {interval.high:.1f}  '
        in lines['scm', 'top1_loc']
    )
    assert cells[7] == 'oracle'
    assert cells[-2:] == [
        f'{loc.floor_full_image:.2f}',
        f'{loc.floor_centred_square:.2f}',
    ]
    assert 'fixed' in lines['tscam', 'top1_loc']
    assert '  per IoU  ' in lines['wsoleval', 'max_box_acc_v2']
    assert table.count('per IoU') == 1
    assert 'advantage' in table
    fixed = evaluate(few, 'tscam')
    assert 'advantage' not in format_table(fixed)
    assert 'without name' in format_table(fixed)


def test_boxes_that_leave_their_image_are_cut_and_counted(few):
    width, height = few[0]['image_size_wh']
    inside = [[5, 6, width, height]]
    outside = [[5, 6, width + 31, height + 0.5]]
    changed = [dict(few[0], gt_boxes=outside), *few[1:]]
    (found,) = evaluate(changed, 'tscam')
    (expected,) = evaluate([dict(few[0], gt_boxes=inside), *few[1:]], 'tscam')
    assert found.num_cut_boxes == found.to_dict()['num_cut_boxes'] == 1
    assert found.metrics() == expected.metrics()
    line = 'Annotated boxes that left their image and were cut: 1.'
    assert line in format_table([found])
    assert 'were cut' not in format_table([expected])
    twice = dict(few[0], gt_boxes=outside * 2)
    assert evaluate([twice], 'tscam')[0].num_cut_boxes == 2


def test_a_frame_has_a_width_and_a_height(few):
    """One bright cell of 2 x 4, in a frame of 40 x 10 pixels."""
    score_map = np.zeros((1, 2, 4))
    score_map[0, 0, 3] = 1
    image = dict(few[0], maps=score_map, map_labels=[3], gt_label=3)
    image.update(ranking=[3], image_size_wh=(80, 40))
    # What bilinear resizing leaves above a tenth: x from 26, y to 6 of 10.
    image['gt_boxes'] = [[26 * 2, 0, 80, 7 * 4]]
    options = dict(
        threshold={'type': 'fixed', 'value': 0.1}, iou_thresholds=(0.5, 0.75)
    )
    (wide,) = evaluate([image], 'tscam', frame_size=(40, 10), **options)
    assert wide.figures['gt_known_acc_iou75'].value == 100
    (high,) = evaluate([image], 'tscam', frame_size=(10, 40), **options)
    assert high.figures['gt_known_acc_iou75'].value == 100
