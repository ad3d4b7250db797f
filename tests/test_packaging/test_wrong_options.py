# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""A wrong value of an option is named when the object is built."""

import importlib.util

import mmpretrain.registry as registries
import pytest

import projects.scm.register  # noqa: F401

HEAD = dict(in_channels=16, num_classes=4)
NO_FLAG = ['False', 1, None]
NO_COUNT = ['3', True, 0, 2.5]
NO_NUMBER = ['0.5', None, True, float('nan'), [0.5]]
NO_PATH = [3, True]
CALIBRATION = [
    dict(lambda_='1'),
    dict(beta=float('nan')),
    dict(alpha=0),
    dict(iterations='4444'),
    dict(iterations=(True,)),
    dict(type='ReLU'),
]
# Registry and class; what else it needs; wrong values of its options.
WRONG = {
    ('MODELS', 'SCMHead'): (
        HEAD,
        dict(
            calibrated_inference=NO_FLAG,
            calibrated_maps=NO_FLAG,
            calibration=CALIBRATION,
            cal_acc=NO_FLAG,
            topk=['1', (1, '5'), None],
            attention_layers=NO_COUNT,
            map_topk=NO_COUNT,
            box_cfg=[
                dict(threshold=True),
                dict(contours=['largest']),
                dict(interpolation=['bilinear']),
                {1: 2, 'thr': 0.1},
            ],
        ),
    ),
    ('MODELS', 'CAMHead'): (HEAD, dict(extra_convs=[None, '1', -1])),
    ('MODELS', 'TriLiteHead'): (
        HEAD,
        dict(alpha=[*NO_NUMBER, -1], dropout=[*NO_NUMBER, 1]),
    ),
    ('MODELS', 'SpatialCalibration'): ({}, dict(iterations=[4, '44'])),
    ('MODELS', 'TSCAMViT'): (
        dict(arch='deit-t'),
        dict(
            final_norm=NO_FLAG,
            with_cp=NO_FLAG,
            attention_scale=['1', 0, True, [1]],
        ),
    ),
    ('MODELS', 'TSCAMTimm'): (
        dict(model_name='deit_tiny_patch16_224'),
        dict(
            final_norm=NO_FLAG,
            with_cp=NO_FLAG,
            pretrained=NO_FLAG,
            in_channels=NO_COUNT,
        ),
    ),
    ('MODELS', 'GradCAMClassifier'): (
        dict(
            backbone=dict(type='ResNet', depth=18),
            head=dict(type='CAMHead', in_channels=512, num_classes=4),
        ),
        dict(
            cam=[
                3,
                dict(method='GradCAM', target_layers=3),
                dict(method='GradCAM', target_layers=['backbone'], topk=1),
            ]
        ),
    ),
    ('METRICS', 'WSOLEvaluator'): (
        {},
        dict(
            protocol=[3],
            threshold=[
                0.2,
                dict(type='fixed', value='0.2'),
                dict(type='fixed', value=True),
                dict(type='val', file=3),
            ],
            iou_thresholds=[0.5, ['0.5'], [True, 0.5], None],
            frame_size=[0, '224', (224,), 224.5, True, None],
            threshold_file=NO_PATH,
            classifier_results=NO_PATH,
        ),
    ),
    ('METRICS', 'DumpPseudoLabels'): (
        dict(out_file='boxes.json', data_prefix='images'),
        dict(
            out_file=NO_PATH,
            data_prefix=[*NO_PATH, None],
            boxes=[['predicted']],
            class_agnostic=NO_FLAG,
            min_score=NO_NUMBER,
            area_range=[3, ('0', '1'), None],
        ),
    ),
    ('TRANSFORMS', 'Load8BitImage'): ({}, dict(dct_scaled=[3, ('a', 'b')])),
    ('HOOKS', 'CalibrationLogHook'): ({}, dict(interval=NO_COUNT)),
    ('HOOKS', 'WSOLVisualizationHook'): (
        {},
        dict(interval=NO_COUNT, enable=NO_FLAG, out_dir=NO_PATH),
    ),
    ('DATASETS', 'CUBLocalization'): (
        dict(data_root='.', lazy_init=True),
        dict(with_boxes=['False', 1], allow_outside=NO_FLAG),
    ),
}
OPTIONAL = {'TSCAMTimm': 'timm', 'GradCAMClassifier': 'pytorch_grad_cam'}


@pytest.mark.parametrize(
    ('kind', 'option'),
    [(kind, option) for kind, (_, wrong) in WRONG.items() for option in wrong],
    ids=lambda x: x if isinstance(x, str) else x[1],
)
def test_wrong_values_are_named(kind, option) -> None:
    registry, name = kind
    package = OPTIONAL.get(name)
    if package and importlib.util.find_spec(package) is None:
        pytest.skip(f'needs {package}')
    needed, wrong = WRONG[kind]
    for value in wrong[option]:
        # Errors of a calibration name its own options.
        words = option
        if option == 'calibration':
            (own,) = value
            words = own.replace('type', option)
        with pytest.raises(ValueError, match=rf'{words}\b'):
            getattr(registries, registry).build(
                {**needed, 'type': name, option: value}
            )
