# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""From a classifier to a detector of mmdet, with mmdet's own tools."""

import json
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from pycocotools.coco import COCO

pytest.importorskip(
    'mmcv._ext', reason='mmcv has no compiled operators', exc_type=ImportError
)
pytest.importorskip('mmdet', reason='mmdet is not installed')

from mmdet.apis import DetInferencer
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.registry import DefaultScope


def expected_joined(classified, detected):
    """The joined figures again, in plain loops."""
    hits = {'gt_known_acc': 0, 'top1_loc': 0}
    by_path = {d['img_path']: d['pred_instances'] for d in detected}
    for image in classified:
        height, width = image['ori_shape']
        found = by_path[image['img_path']]
        box = found['bboxes'][int(found['scores'].argmax())].tolist()
        frame = np.array([224 / width, 224 / height] * 2)
        a = np.minimum((np.array(box) * frame).astype(int), 223)
        b = (np.array(image['instances'][0]['bbox']) * frame).astype(int)
        canvas = np.zeros((2, 225, 225), bool)
        for k, (x0, y0, x1, y1) in enumerate((a, b)):
            canvas[k, y0 : y1 + 1, x0 : x1 + 1] = True
        right = (canvas.all(0).sum() / canvas.any(0).sum()) >= 0.5
        hits['gt_known_acc'] += right
        hits['top1_loc'] += right and (
            int(image['pred_label']) == int(image['gt_label'])
        )
    return {k: 100 * v / len(classified) for k, v in hits.items()}


def test_labels_and_ground_truth_come_from_real_test_runs(chain):
    assert chain.figures['pseudo/num_images'] == 12
    assert chain.figures['ground_truth/num_boxes'] == 5
    coco = COCO(chain.files['test'])
    annotations = {
        line.split()[0]: [float(v) for v in line.split()[1:]]
        for line in (chain.data / 'bounding_boxes.txt').open()
    }
    for image in coco.dataset['images']:
        number = str(int(image['file_name'][-8:-4]))
        (box,) = coco.loadAnns(coco.getAnnIds(imgIds=[image['id']]))
        assert box['bbox'] == annotations[number]
        assert (image['width'], image['height']) == (100, 80)


@pytest.mark.slow
@pytest.mark.timeout(1500)  # five programs, one after the other
def test_a_detector_learns_from_the_labels(chain):
    """The journey of an engineer."""
    out = chain.folder / 'journey'
    labels = {name: str(out / f'{name}.json') for name in ('train', 'test')}
    cfg = chain.config(
        'retinanet_r18_cub',
        model__backbone__init_cfg=None,
        model__neck__out_channels=16,
        model__bbox_head__in_channels=16,
        model__bbox_head__feat_channels=16,
        model__bbox_head__stacked_convs=1,
        train_dataloader__dataset__ann_file=labels['train'],
        train_dataloader__dataset__pipeline__2__scale=(64, 64),
        val_dataloader__dataset__ann_file=labels['test'],
        val_evaluator__ann_file=labels['test'],
        test_dataloader__dataset__ann_file=labels['test'],
        test_dataloader__dataset__pipeline__1__scale=(64, 64),
        test_evaluator__0__ann_file=labels['test'],
        test_evaluator__1__classifier_results=str(out / 'test.pkl'),
        train_cfg__max_epochs=1,
        train_cfg__val_interval=1,
        default_hooks__logger__interval=1,
    )
    file = chain.folder / 'detector.py'
    cfg.dump(file)
    images = chain.data / 'images'
    log = chain.run_tool(
        *('journeys/detector.sh', chain.classifier, chain.checkpoint),
        *(file, images, out),
    )
    assert 'Epoch(train) [1][3/3]' in log
    assert 'coco/bbox_mAP' in log
    assert 'Could not import' not in log
    # What comes before the first step tells what runs, on what, and where.
    before = log.partition('== train_detector.py\n')[2].splitlines()
    first = next(i for i, x in enumerate(before) if 'Epoch(train)' in x)
    told = ('environment, config', 'on the CPU, 1 thread', 'Checkpoints will')
    assert [t for t, x in zip(told, before, strict=False) if t in x] == [*told]
    assert first == len(told)
    assert 'top5' not in log  # of three classes
    assert log.count('creating index') == 0
    losses = [float(x) for x in re.findall(r' loss: (\S+)', log)]
    assert len(losses) == 3
    assert np.isfinite(losses).all()

    (figures,) = (out / 'tested').glob('*/*.json')
    figures = json.loads(figures.read_text())
    assert 0 <= figures['coco/bbox_mAP'] <= 1
    expected = expected_joined(
        pickle.loads((out / 'test.pkl').read_bytes()),
        pickle.loads((out / 'detected.pkl').read_bytes()),
    )
    for key, value in expected.items():
        assert figures[f'wsol/scm/{key}'] == pytest.approx(value)
    # New photographs, in one command, in a form that the converter reads.
    boxes = out / 'boxes'
    results = json.loads((boxes / 'results.json').read_text())
    assert [c['name'] for c in results['categories']] == ['object']
    assert {a['category_id'] for a in results['annotations']} == {1}
    assert len(results['annotations']) == len(results['images']) == 17
    assert len(list((boxes / 'pictures').rglob('*.jpg'))) == 17
    by_name = {
        Path(item['img_path']).name: item['pred_instances']
        for item in pickle.loads((out / 'detected.pkl').read_bytes())
    }
    listed = {a['image_id']: a['bbox'] for a in results['annotations']}
    for image in results['images']:
        found = by_name.get(Path(image['file_name']).name)
        if found is not None:
            x0, y0, x1, y1 = found['bboxes'][found['scores'].argmax()].tolist()
            assert listed[image['id']] == pytest.approx(
                [x0, y0, x1 - x0, y1 - y0], abs=0.05
            )
    chain.run_tool(
        *('dataset_converters/to_cub_layout.py', images, chain.folder / 'c'),
        *('--coco', boxes / 'results.json'),
    )

    # The classes are the classifier's.
    assert (
        figures['wsol/scm/top1_cls_acc']
        == chain.figures['wsol/scm/top1_cls_acc']
    )


def detector_config(chain):
    cfg = chain.config(
        'scm_deit-s_cub_mmdet',
        test_dataloader__dataset__ann_file=chain.files['test'],
        test_evaluator__0__ann_file=chain.files['test'],
        test_evaluator__1__classifier_results=str(chain.results),
    )
    chain.shrink(cfg.model.classifier)
    return cfg


def build_detector(chain):
    with DefaultScope.overwrite_default_scope('mmdet'):
        return MODELS.build(detector_config(chain).model)


def test_the_classifier_is_a_detector_with_the_same_boxes(chain):
    cfg = detector_config(chain)
    out = chain.folder / 'as_detector.pkl'
    cfg.test_evaluator.append(
        dict(type='DumpDetResults', out_file_path=str(out))
    )
    cfg.default_hooks.visualization.update(draw=True, test_out_dir='shown')
    figures = chain.test(cfg)
    assert len(list(chain.folder.glob('**/shown/*.png'))) == 5
    detected = {
        item['img_path']: item['pred_instances']
        for item in pickle.loads(out.read_bytes())
    }
    classified = pickle.loads(chain.results.read_bytes())
    assert len(detected) == len(classified) == 5
    for image in classified:
        own, mine = image['pred_instances'], detected[image['img_path']]
        torch.testing.assert_close(mine['bboxes'], own['bboxes'])
        torch.testing.assert_close(mine['scores'], own['scores'])
        assert (mine['labels'] == 0).all()
    assert figures['wsol/scm/top1_cls_acc'] == pytest.approx(
        chain.figures['wsol/scm/top1_cls_acc']
    )
    assert 'coco/bbox_mAP_50' in figures


@pytest.mark.filterwarnings('ignore')
def test_the_inferencer_of_mmdet_takes_it(chain):
    cfg = detector_config(chain)
    cfg.model.class_agnostic = False
    inferencer = DetInferencer(cfg, str(chain.checkpoint), device='cpu')
    images = sorted(chain.data.glob('images/*/*.png'))[-2:]
    result = inferencer(
        [str(path) for path in images],
        pred_score_thr=0.0,
        out_dir=str(chain.folder / 'pictures'),
        no_save_pred=False,
    )
    classified = {
        image['img_path']: image
        for image in pickle.loads(chain.results.read_bytes())
    }
    for path, found in zip(images, result['predictions'], strict=True):
        if str(path) in classified:
            own = classified[str(path)]
            assert found['labels'] == own['pred_label'].tolist()
            assert found['bboxes'][0] == pytest.approx(
                own['pred_instances']['bboxes'][0].tolist()
            )
        assert (chain.folder / 'pictures/vis' / path.name).is_file()
    assert inferencer.model.dataset_meta['classes'] == ('red', 'green', 'blue')

    cfg.model.class_agnostic = True
    inferencer = DetInferencer(cfg, str(chain.checkpoint), device='cpu')
    assert inferencer.visualizer.dataset_meta['classes'] == ('object',)


def test_all_weights_of_the_classifier_arrive(chain):
    model = build_detector(chain)
    state = torch.load(chain.checkpoint)['state_dict']
    result = model.load_state_dict(dict(state), strict=True)
    assert not result.missing_keys
    assert not result.unexpected_keys
    own = model.state_dict()
    for key, value in state.items():
        assert torch.equal(own[f'classifier.{key}'], value)
    # Its own checkpoint loads as well.
    model.load_state_dict(own, strict=True)


def test_padded_images_are_refused(chain):
    model = build_detector(chain)
    sample = DetDataSample(
        metainfo=dict(img_path='a.png', img_shape=(64, 48), ori_shape=(8, 6))
    )
    with pytest.raises(ValueError, match=r'a\.png.*not pad'):
        model(torch.zeros(1, 3, 64, 64), [sample], mode='predict')
    with pytest.raises(NotImplementedError, match=r'tools/train\.py'):
        model(torch.zeros(1, 3, 64, 64), [sample], mode='loss')
