# Copyright (c) SCM-WSOL contributors. All rights reserved.
import cv2
import numpy as np
import pytest

from projects.scm.apis.choices import (
    parse_target,
    resolve_target,
    resolve_threshold,
)
from projects.scm.evaluation.functional import save_thresholds
from projects.scm.structures import score_map_to_boxes
from projects.scm.utils.checks import check_positive

NAMES = ('ant', 'bee', 'cat')


def test_targets() -> None:
    assert resolve_target('predicted', 3, None) == 'predicted'
    assert resolve_target('topk', 3, NAMES) == 'topk'
    assert resolve_target('cat', 3, NAMES) == 2
    assert resolve_target(np.int64(1), 3, None) == 1
    for target, message in (
        ('bea', r"got 'bea'; meant \['bee'\]\? known are 'ant'"),
        ('zebra', "known are 'ant', 'bee', 'cat'$"),
        (3, 'index from 0 to 2, got 3'),
        (-1, 'got -1'),
    ):
        with pytest.raises(ValueError, match=message):
            resolve_target(target, 3, NAMES)
    with pytest.raises(TypeError):
        resolve_target(1.5, 3, NAMES)


def test_long_lists_of_names_are_cut() -> None:
    names = [f'class {i}' for i in range(22)]
    with pytest.raises(ValueError, match=r"'class 19' and 2 more$"):
        resolve_target('zebra', 22, names)
    with pytest.raises(ValueError, match='no names are known'):
        resolve_target('zebra', 22, None)


def test_a_number_is_a_name_where_classes_are_called_so() -> None:
    assert parse_target('2', ('1', '2', '3')) == '2'
    assert resolve_target('2', 3, ('1', '2', '3')) == 1
    assert parse_target('2', NAMES) == 2
    # no index of a class that is called by another number
    assert parse_target('0', ('1', '2', '3')) == '0'
    assert parse_target('topk', NAMES) == 'topk'


def test_thresholds(tmp_path) -> None:
    file = tmp_path / 'thresholds.json'
    chosen = {'scm': {'top1_loc': 0.31}, 'wsoleval': {'max_box_acc': 0.4}}
    save_thresholds(file, chosen, split='val', num_images=9)
    figure = 'scm/top1_loc'
    assert resolve_threshold(None, figure) is None
    assert resolve_threshold('otsu', figure) == 'otsu'
    assert resolve_threshold(0, figure) == 0
    assert resolve_threshold(file, figure) == 0.31
    assert resolve_threshold(str(file), 'wsoleval/max_box_acc') == 0.4
    with pytest.raises(ValueError, match=r"'tscam/x'; .*'scm/top1_loc'"):
        resolve_threshold(file, 'tscam/x')
    with pytest.raises(ValueError, match=r'in \[0, 1\], got 30'):
        resolve_threshold(30, figure)
    with pytest.raises(FileNotFoundError, match=r'nowhere\.json'):
        resolve_threshold('nowhere.json', figure)


def test_other_choices() -> None:
    check_positive(a=1, b=np.int32(2))
    for number in (0, 1.5, None):
        with pytest.raises(
            ValueError, match=f'b must be positive: expected .* got {number}'
        ):
            check_positive(b=number)


@pytest.mark.parametrize('seed', range(20))
def test_otsu_is_the_mask_of_opencv(seed) -> None:
    """The box of OpenCV's own binarisation, computed beside the library."""
    generator = np.random.default_rng(seed)
    score_map = generator.normal(size=(6, 8))
    resized = cv2.resize(score_map, (70, 50), interpolation=cv2.INTER_LINEAR)
    resized = (resized - resized.min()) / (resized.max() - resized.min())
    levels = (resized * 255).astype(np.uint8)
    _, mask = cv2.threshold(levels, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    contours, _ = cv2.findContours(
        mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    x, y, w, h = cv2.boundingRect(max(contours, key=cv2.contourArea))
    found = score_map_to_boxes(
        score_map, 'otsu', (70, 50), frame_size_wh=(70, 50)
    )
    np.testing.assert_array_equal(found, [[x, y, x + w, y + h]])


@pytest.mark.parametrize('level', range(1, 120))
def test_otsu_cuts_at_its_very_level(level) -> None:
    """Three levels, of which Otsu's threshold joins the lower two."""
    levels = np.zeros((8, 12), np.uint8)
    levels[1:7, 1:5] = level
    levels[2:7, 6:11] = 255
    cut, _ = cv2.threshold(levels, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    assert cut == level
    found = score_map_to_boxes(
        levels / 255,
        'otsu',
        (12, 8),
        frame_size_wh=(12, 8),
        contours='all',
    )
    assert found.tolist() == [[6, 2, 11, 7]]


def test_a_flat_map_has_no_box() -> None:
    for threshold in ('otsu', 0.2):
        found = score_map_to_boxes(
            np.ones((3, 3)), threshold, (9, 9), contours='all'
        )
        assert found.shape == (0, 4)
