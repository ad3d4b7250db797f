# Copyright (c) SCM-WSOL contributors. All rights reserved.
import json
import os
import subprocess
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from synthetic_results import dump_results, make_results, without_boxes

from projects.scm.evaluation.functional import ERROR_KINDS
from projects.scm.reporting.fiftyone_dataset import write_fiftyone_dataset
from projects.scm.reporting.measures import build_plan, measure_run
from projects.scm.reporting.records import load_records

READER = (
    Path(__file__)
    .parents[1]
    .joinpath('test_apis', 'test_outputs', 'fiftyone_reads_back.py')
)
PYTHON = os.environ.get('SCM_WSOL_FIFTYONE_PYTHON')


@pytest.fixture
def items(tmp_path):
    return make_results(tmp_path / 'pictures', 8)


def write(tmp_path, items, **options):
    results = dump_results(tmp_path / 'scm.pkl', items)
    out = tmp_path / 'out'
    number = write_fiftyone_dataset(results, out, **options)
    assert number == len(items)
    return out / 'fiftyone'


def read(folder):
    return json.loads((folder / 'samples.json').read_text())['samples']


def test_samples_say_what_the_page_says(tmp_path, items) -> None:
    samples = read(write(tmp_path, items, threshold=0.2))
    records = load_records(tmp_path / 'scm.pkl')
    page = measure_run(build_plan('scm', 0.2), records)
    assert [s['outcome'] for s in samples] == [
        ERROR_KINDS[kind] for kind in page.kinds
    ]
    assert len(set(page.kinds)) > 1
    assert [s['iou'] for s in samples] == list(page.ious[0])
    for sample, item, box in zip(samples, items, page.bboxes[0], strict=True):
        height, width = item['ori_shape']
        size = np.array([width, height])
        for field, corners in (
            ('ground_truth', item['instances'][0]['bbox']),
            ('predictions', box),
        ):
            [found] = sample[field]['detections']
            low, extent = np.reshape(found['bounding_box'], (2, 2)) * size
            np.testing.assert_allclose(
                [*low, *(low + extent)], corners, atol=1e-4
            )
        label = int(item['gt_label'])
        assert sample['true_class']['label'] == f'kind {label}'
        number = item['sample_idx']
        name = f'{label + 1:03d}.kind_{label}/{number:04d}.png'
        assert sample['filepath'] == f'data/{name}'


def test_maps_have_the_size_of_their_pictures(tmp_path, items) -> None:
    folder = write(tmp_path, items, threshold=0.2)
    for sample, item in zip(read(folder), items, strict=True):
        path = folder / sample['heatmap']['map_path']
        levels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert levels.shape == item['ori_shape']
        assert (levels.min(), levels.max()) == (0, 255)


def test_without_boxes_the_class_is_the_outcome(tmp_path, items) -> None:
    samples = read(write(tmp_path, without_boxes(items)))
    assert {s['outcome'] for s in samples} == {'right', 'cls'}
    assert not any('iou' in s or 'ground_truth' in s for s in samples)


def test_another_run_is_not_mixed_in(tmp_path, items) -> None:
    write(tmp_path, items)
    with pytest.raises(FileExistsError, match='another run'):
        write(tmp_path, items)
    write(tmp_path, items, overwrite=True)


@pytest.mark.skipif(
    PYTHON is None,
    reason='SCM_WSOL_FIFTYONE_PYTHON names no Python with fiftyone',
)
@pytest.mark.optional
def test_fiftyone_reads_what_was_written(tmp_path, items) -> None:
    folder = write(tmp_path, items, threshold=0.2)
    done = subprocess.run(
        [PYTHON, READER, folder], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    samples = read(folder)
    assert Counter(s['outcome'] for s in found['samples']) == Counter(
        s['outcome'] for s in samples
    )
    for theirs, ours in zip(found['samples'], samples, strict=True):
        assert theirs['filepath'] == str(folder / ours['filepath'])
        assert theirs['map_path'] == str(folder / ours['heatmap']['map_path'])
        [box] = ours['predictions']['detections']
        assert theirs['boxes'] == [
            [box['label'], box['confidence'], *box['bounding_box']]
        ]
        assert theirs['truth'] == ours['true_class']['label']
    assert found['default_classes'] == [f'kind {i}' for i in range(6)]
