# Copyright (c) SCM-WSOL contributors. All rights reserved.
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmpretrain.apis import get_model
from mmpretrain.registry import TRANSFORMS
from mmpretrain.structures import DataSample
from mmpretrain.utils import progress
from PIL import Image
from test_apis.conftest import blobs
from test_apis.test_sources import write_video
from test_apis.tiny_localizer import CLASSES, CONFIG, write_config

from projects.scm.apis import WSOLInferencer
from projects.scm.evaluation.functional import save_thresholds
from projects.scm.structures import score_map_to_boxes

ARRAYS = ('pred_scores', 'bboxes', 'labels', 'scores', 'score_maps')


def assert_equal(result: dict, other: dict) -> None:
    for key in ARRAYS:
        np.testing.assert_array_equal(result[key], other[key], key)


@torch.no_grad()
def all_maps(inferencer, path):
    """Logits and the score maps of all classes, past the inferencer."""
    config = inferencer.config.test_dataloader.dataset.pipeline
    steps = [TRANSFORMS.build(config[i]) for i in (0, 2, 3)]
    data = Compose(steps)({'img_path': str(path)})
    model = inferencer.model
    batch = model.data_preprocessor(pseudo_collate([data]))
    logits, semantic, attention = model.head.forward_maps(
        model.extract_feat(batch['inputs'])
    )
    maps = semantic * attention[:, None]
    return logits[0].softmax(0).numpy(), maps[0].numpy()


def test_results_are_those_of_a_test_run(inferencer, photos) -> None:
    """Scores, maps and boxes as ``tools/test.py`` would have them."""
    config = inferencer.config.test_dataloader.dataset.pipeline
    pipeline = Compose([TRANSFORMS.build(config[i]) for i in (0, 2, 3)])
    results = inferencer(photos, batch_size=2)
    samples = inferencer(photos, batch_size=3, return_datasamples=True)
    assert len(results) == len(samples) == 5
    for index, (result, found) in enumerate(
        zip(results, samples, strict=True)
    ):
        data = pipeline({'img_path': str(photos / f'{index}.png')})
        with torch.no_grad():
            [expected] = inferencer.model.test_step(pseudo_collate([data]))
        torch.testing.assert_close(found.pred_score, expected.pred_score)
        torch.testing.assert_close(
            found.score_maps, expected.score_maps[:1], rtol=1e-4, atol=1e-6
        )
        assert found.img_path == result['img_path']
        assert 'gt_label' not in found
        for key in ('bboxes', 'labels', 'scores'):
            torch.testing.assert_close(
                found.pred_instances[key], expected.pred_instances[key]
            )
        label = int(expected.pred_label)
        assert result['pred_label'] == label
        assert result['pred_class'] == CLASSES[label]
        assert result['pred_score'] == result['pred_scores'].max()
        assert result['scores'].tolist() == [result['pred_score']]
        np.testing.assert_array_equal(
            result['bboxes'], found.pred_instances.bboxes
        )
        x0, y0, x1, y1 = result['bboxes'][0]
        assert 0 <= x0 < x1 <= result['width']
        assert 0 <= y0 < y1 <= result['height']


@pytest.mark.parametrize('index', range(5))
def test_score_map_at_the_size_of_the_image(inferencer, photos, index) -> None:
    """Any size, any aspect; the map is bilinear and min-max scaled."""
    path = photos / f'{index}.png'
    [result] = inferencer(path)
    height, width = cv2.imread(str(path)).shape[:2]
    assert (result['width'], result['height']) == (width, height)
    scores, maps = all_maps(inferencer, path)
    expected = cv2.resize(maps[scores.argmax()], (width, height))
    expected -= expected.min()
    expected /= expected.max()
    [found] = result['score_maps']
    assert found.dtype == np.float32
    assert (found.min(), found.max()) == (0, 1)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_all_kinds_of_inputs_are_the_same_picture(
    inferencer, photos, monkeypatch
) -> None:
    path = photos / '0.png'
    [expected] = inferencer(str(path))
    array = cv2.imread(str(path))
    handler = partial(SimpleHTTPRequestHandler, directory=str(photos))
    handler.log_message = SimpleHTTPRequestHandler.log_message = lambda *_: (
        None
    )
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    server = ThreadingHTTPServer(('127.0.0.1', 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f'http://127.0.0.1:{server.server_port}/0.png'
        inputs = [path, array, url, f'{photos}/0*', [[str(path)]]]
        results = inferencer(inputs, batch_size=len(inputs))
        with pytest.raises(ValueError, match=r'/nowhere\.png: does not read'):
            inferencer(url.replace('0.png', 'nowhere.png'))
    finally:
        server.shutdown()
        server.server_close()
    for result in results:
        for key in ARRAYS:
            np.testing.assert_allclose(
                result[key], expected[key], atol=1e-5, err_msg=key
            )
    assert [r['name'] for r in results] == ['0', '000001', '0_1', '0_2', '0_3']
    assert results[1]['img_path'] is None
    assert results[2]['img_path'] == url


def test_given_class_by_index_and_name(inferencer, photos) -> None:
    path = photos / '0.png'
    scores, maps = all_maps(inferencer, path)
    for label, name in enumerate(CLASSES):
        [result] = inferencer(path, target=label)
        assert_equal(result, inferencer(path, target=name)[0])
        assert result['pred_label'] == scores.argmax()
        assert result['score_map_labels'].tolist() == [label]
        assert set(result['labels']) == {label}
        np.testing.assert_allclose(result['scores'], scores[label], rtol=1e-5)
        expected = score_map_to_boxes(
            maps[label], 0.1, (90, 60), frame_size_wh=(64, 64)
        )
        np.testing.assert_allclose(result['bboxes'], expected, atol=1e-4)


def test_best_classes(inferencer, photos) -> None:
    path = photos / '2.png'
    scores, _ = all_maps(inferencer, path)
    ranking = np.argsort(-scores)
    [result] = inferencer(path, target='topk', topk=3)
    assert result['score_map_labels'].tolist() == ranking[:3].tolist()
    assert result['score_maps'].shape == (3, 200, 50)
    assert result['labels'].tolist() == ranking[:3].tolist()
    for index, label in enumerate(ranking[:3]):
        [single] = inferencer(path, target=int(label))
        np.testing.assert_array_equal(
            single['bboxes'], result['bboxes'][index : index + 1]
        )
    # more than there are is all of them
    [result] = inferencer(path, target='topk', topk=99)
    assert result['score_map_labels'].tolist() == ranking.tolist()


def test_thresholds_and_contours(inferencer, photos, tmp_path) -> None:
    path = photos / '1.png'
    _, maps = all_maps(inferencer, path)
    [result] = inferencer(path)
    score_map = maps[result['pred_label']]
    for threshold in (0.0, 0.35, 0.8):
        for contours in ('largest', 'all'):
            [result] = inferencer(path, threshold=threshold, contours=contours)
            expected = score_map_to_boxes(
                score_map,
                threshold,
                (64, 64),
                frame_size_wh=(64, 64),
                contours=contours,
            )
            np.testing.assert_array_equal(result['bboxes'], expected)
            assert len(result['labels']) == len(expected)
    file = tmp_path / 'chosen.json'
    save_thresholds(
        file, {'scm': {'top1_loc': 0.8}}, split='val', num_images=5
    )
    assert_equal(
        inferencer(path, threshold=str(file))[0],
        inferencer(path, threshold=0.8)[0],
    )
    [otsu] = inferencer(path, threshold='otsu')
    assert len(otsu['bboxes']) == 1
    assert (otsu['bboxes'] != result['bboxes'][:1]).any()


def test_several_boxes_a_map(inferencer, photos) -> None:
    results = inferencer(photos, threshold=0.6, contours='all')
    assert max(len(result['bboxes']) for result in results) > 1


def test_orientation_tag(inferencer, tmp_path) -> None:
    """Upright like a viewer shows it, or the stored pixels."""
    pixels = blobs(90, 60, 3)[..., ::-1].copy()
    turned = tmp_path / 'turned.png'
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    Image.fromarray(pixels).save(turned, exif=exif)
    upright = np.rot90(pixels, -1)[..., ::-1].copy()
    [found] = inferencer(turned)
    assert (found['width'], found['height']) == (60, 90)
    assert_equal(found, inferencer(upright)[0])
    [found] = inferencer(turned, upright=False)
    assert (found['width'], found['height']) == (90, 60)
    assert_equal(found, inferencer(pixels[..., ::-1].copy())[0])


def test_inputs_of_different_sizes_in_a_batch(tiny_files, photos) -> None:
    """A pipeline that keeps the aspect gives several sizes."""
    config = Config.fromfile(tiny_files[0])
    resize = config.test_dataloader.dataset.pipeline[2]
    resize.update(scale=(64, 64), keep_ratio=True)
    inferencer = WSOLInferencer(config, tiny_files[1])
    inputs = [photos / f'{i}.png' for i in (0, 0, 1, 2, 2)]
    together = inferencer(inputs, batch_size=5)
    assert [r['name'] for r in together] == ['0', '0_1', '1', '2', '2_1']
    for path, result in zip(inputs, together, strict=True):
        [alone] = inferencer(path)
        np.testing.assert_allclose(result['bboxes'], alone['bboxes'], atol=2)
        np.testing.assert_allclose(
            result['score_maps'], alone['score_maps'], atol=1e-4
        )


def test_video(inferencer, tmp_path) -> None:
    file = tmp_path / 'walk.avi'
    write_video(file)
    results = inferencer(file, batch_size=4, frame_interval=2)
    assert [result['frame'] for result in results] == [0, 2, 4, 6]
    assert {result['img_path'] for result in results} == {str(file)}
    assert results[0]['score_maps'].shape == (1, 24, 32)


def test_pictures_are_written(inferencer, photos, tmp_path) -> None:
    inferencer(photos, batch_size=2, show_dir=tmp_path / 'out')
    inferencer(
        [photos / '0.png', cv2.imread(str(photos / '3.png'))],
        show_dir=tmp_path / 'more',
        target='topk',
        contours='all',
    )
    written = sorted(file.name for file in (tmp_path / 'out').iterdir())
    assert written == [f'{i}.jpg' for i in range(5)]
    picture = cv2.imread(str(tmp_path / 'out' / '0.jpg'))
    assert picture.shape[0] >= 320  # small pictures are enlarged
    assert picture.shape[1] > 2 * 480  # picture and heat map
    more = sorted(file.name for file in (tmp_path / 'more').iterdir())
    assert more == ['0.jpg', '000001.jpg']


def test_pictures_are_shown(inferencer, photos, monkeypatch) -> None:
    shown = []
    monkeypatch.setattr(
        'projects.scm.apis.wsol_inferencer.UniversalVisualizer.show',
        lambda self, picture, name, wait: shown.append((name, wait)),
    )
    inferencer(photos, show=True, wait_time=0.5)
    assert shown == [(str(i), 0.5) for i in range(5)]


def test_stream_reads_no_more_than_it_needs(
    inferencer, photos, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(
        'projects.scm.apis.progress.draws_bars', lambda console: True
    )
    broken = tmp_path / 'broken.jpg'
    broken.write_bytes(b'no picture')
    stream = inferencer.stream([photos / '0.png', broken, photos / '1.png'])
    assert next(stream)['name'].endswith('0')
    assert progress.global_progress.task_ids
    with pytest.raises(ValueError, match=r'broken\.jpg: does not read as'):
        next(stream)
    # MMPretrain's bar would stay for ever
    assert not progress.global_progress.task_ids
    assert not progress.global_live.is_started
    results = inferencer.stream(photos, progress_bar=False)
    next(results)
    assert not progress.global_progress.task_ids


def test_maps_can_be_left_out(inferencer, photos) -> None:
    [result] = inferencer(photos / '0.png', score_maps=False)
    assert 'score_maps' not in result
    assert len(result['bboxes']) == 1


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        ({'thresh': 0.3}, r"unknown argument \{'thresh'\}"),
        ({'batch_size': 0}, 'batch_size must be positive: expected .* got 0'),
        ({'topk': 0}, 'topk'),
        ({'frame_interval': 0}, 'frame_interval'),
        ({'target': 'zebra'}, "known are '"),
        ({'threshold': 1.5}, 'got 1.5'),
        ({'contours': 'some'}, "'largest', 'all'"),
    ],
)
def test_wrong_arguments_are_told_at_once(
    inferencer, photos, kwargs, message
) -> None:
    with pytest.raises(ValueError, match=message):
        inferencer.stream(photos, **kwargs)


@pytest.mark.parametrize(
    'step',
    [
        dict(type='CenterCrop', crop_size=48),
        dict(type='mmcv.Pad', size=(80, 80)),
        dict(type='RandomFlip', prob=1.0),
    ],
)
def test_crops_would_misplace_boxes(tiny_files, photos, step) -> None:
    config = Config.fromfile(tiny_files[0])
    config.test_dataloader.dataset.pipeline.insert(3, step)
    inferencer = WSOLInferencer(config, tiny_files[1])
    with pytest.raises(ValueError, match='0: the test pipeline crops, pads'):
        inferencer(photos / '0.png')


def test_models_of_all_kinds(tiny_files, photos, tmp_path) -> None:
    config, checkpoint = tiny_files
    path = photos / '0.png'
    [expected] = WSOLInferencer(str(config), str(checkpoint))(path)
    named = Config.fromfile(config)
    named.load_from = str(checkpoint)
    model = get_model(named, pretrained=False)
    for inferencer in (
        WSOLInferencer(named),
        WSOLInferencer(model, checkpoint),
        WSOLInferencer(config, checkpoint, head=dict(calibration=False)),
    ):
        assert_equal(inferencer(path)[0], expected)
        assert inferencer.classes == CLASSES
    [result] = WSOLInferencer(config, False)(path)
    assert 'pred_class' not in result  # 200 birds do not fit 7 classes
    names = list('abcdefg')
    assert (
        WSOLInferencer(config, checkpoint, classes=names)(path)[0][
            'pred_class'
        ]
        == names[expected['pred_label']]
    )


def test_models_that_do_not_do(tiny_files, tmp_path) -> None:
    config, checkpoint = tiny_files
    with pytest.raises(FileNotFoundError, match=r'"nowhere\.pth" does not'):
        WSOLInferencer(config, 'nowhere.pth')
    with pytest.raises(FileNotFoundError, match=r'nowhere\.py'):
        WSOLInferencer('nowhere.py', checkpoint)
    with pytest.raises(ValueError, match='names no checkpoint'):
        WSOLInferencer(config)
    with pytest.raises(ValueError, match='expected 7 names'):
        WSOLInferencer(config, checkpoint, classes=['a'])
    text = CONFIG.replace("'SCMHead'", "'LinearClsHead'").replace(
        "'TSCAMViT'", "'VisionTransformer'"
    )
    with pytest.raises(TypeError, match='with head LinearClsHead'):
        WSOLInferencer(write_config(tmp_path, text), False)


def test_data_samples_are_returned(inferencer, photos) -> None:
    [sample] = inferencer(photos / '0.png', return_datasamples=True)
    assert isinstance(sample, DataSample)
    assert sample.score_maps.shape == (1, 8, 8)
