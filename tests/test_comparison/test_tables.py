# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What tables, curves and pages tell of files of results."""

import numpy as np
import pytest

from projects.scm.comparison.curves import epoch_curves
from projects.scm.comparison.hits import (
    CHOICES,
    digest_of_names,
    pack_bits,
    reported_half,
)
from projects.scm.comparison.results import RunResult
from projects.scm.comparison.tables import (
    COLUMNS,
    compare_runs,
    format_tables,
    mean_over_seeds,
)

NAMES = [f'{i}.jpg' for i in range(100)]
GT_KNOWN = COLUMNS['GT-known']


def make_result(method, seed, count, names=NAMES, epochs=(2,)):
    """The first ``count`` images are hits, whatever the figure."""
    bits = pack_bits(np.arange(len(names)) < count)
    keys = [
        key
        for key in COLUMNS.values()
        if not key.startswith('cls/') and not key.endswith('v2')
    ]
    keys += [f'wsoleval/max_box_acc_v2_iou{iou}' for iou in (30, 50, 70)]
    return RunResult(
        {
            'dataset': 'birds',
            'method': method,
            'seed': seed,
            'num_images': len(names),
            'images': digest_of_names(names),
            'reported_half': pack_bits(reported_half(names)),
            'epochs': [
                {
                    'epoch': epoch,
                    'classification': {'top1': bits, 'top5': bits},
                    'figures': {
                        key: {
                            choice: {'threshold': 0.1, 'hits': bits}
                            for choice in CHOICES
                        }
                        for key in keys
                    },
                }
                for epoch in epochs
            ],
        },
        f'{method}{seed}.json',
    )


@pytest.fixture
def runs():
    return [
        make_result('tscam', 26, 50),
        make_result('tscam', 27, 54),
        make_result('scm', 26, 70),
        make_result('scm', 27, 76),
    ]


def test_means_and_deviations(runs):
    cell = mean_over_seeds(runs[:2], GT_KNOWN, 'oracle', 'all images')
    assert cell.mean == pytest.approx(52)
    assert cell.deviation == pytest.approx(np.std([50, 54], ddof=1))
    one = mean_over_seeds(runs[:1], GT_KNOWN, 'oracle', 'all images')
    assert (one.mean, one.deviation) == (pytest.approx(50), None)
    half = mean_over_seeds(runs[:1], GT_KNOWN, 'otsu', 'reported half')
    reported = reported_half(NAMES)
    hits = np.arange(100) < 50
    assert half.mean == pytest.approx(hits[reported].mean() * 100)


def test_differences_are_of_common_seeds(runs):
    found = compare_runs(
        runs[2:],
        [*runs[:2], make_result('tscam', 99, 0)],
        GT_KNOWN,
        'oracle',
        'all images',
        draws=500,
    )
    assert found.value == pytest.approx(21)
    assert found.num_seeds == 2
    assert found.excludes_zero
    assert compare_runs(runs[2:], [], GT_KNOWN, 'otsu', 'all images') is None


def test_table(runs):
    text = format_tables(runs[::-1], 'tscam', draws=500)
    assert '**birds**, all images, 100 photographs' in text
    assert '| tscam | 26, 27 | oracle | 52.0 ± 2.8 |' in text
    assert '| scm − tscam | 2 pairs | labels | **+21.0 (' in text
    assert text.index('oracle') < text.index('| fixed |')


def test_figures_of_five_classes_need_six(runs):
    # files of earlier versions do not tell the number
    assert 'Top-5 Loc' in format_tables(runs, 'tscam', draws=9)
    for run in runs:
        run.num_classes = 5
    text = format_tables(runs, 'tscam', draws=100)
    assert 'Top-5' not in text
    assert '| scm − tscam | 2 pairs | labels | **+21.0 (' in text
    for run in runs:
        run.num_classes = 6
    assert 'Top-5 class' in format_tables(runs, 'tscam', draws=9)


def test_choices_that_were_not_made_have_no_row(runs):
    for run in runs:
        for figure in run.content['epochs'][0]['figures'].values():
            del figure['labels']
    text = format_tables(runs, 'tscam', draws=100)
    assert '| labels |' not in text
    assert '| Otsu |' in text


def test_other_images_are_not_compared(runs):
    other = make_result('scm', 28, 3, names=[*NAMES[1:], 'new.jpg'])
    with pytest.raises(ValueError, match=r'different images: .*scm28.json'):
        format_tables([*runs, other], 'tscam')


def test_curves_are_means_of_epochs_that_all_seeds_have():
    runs = [
        make_result('scm', 26, 40, epochs=(1, 2)),
        make_result('scm', 27, 60, epochs=(2,)),
    ]
    curves = epoch_curves(runs, GT_KNOWN, 'oracle')
    assert curves == {'scm': [(2, pytest.approx(50))]}
