# The localization model itself as a detector of mmdet, for mmdet's tools:
#   python tools/test_detector.py configs/psol/scm_deit-s_cub_mmdet.py CKPT
# CKPT is a checkpoint of configs/scm_deit-s_cub.py, as it is. The data are
# those that tools/pseudo_labels.py writes.
_base_ = [
    '../_base_/models/scm_deit-s.py',
    'mmdet::_base_/default_runtime.py',
]

custom_imports = dict(
    imports=['projects.scm.register', 'projects.scm.mmdet'],
    allow_failed_imports=False,
)
# Those of the model are for training, by mmpretrain.
custom_hooks = [dict(type='mmpretrain.CheckpointFitHook')]

model = dict(
    _delete_=True,
    type='WSOLDetector',
    classifier={{_base_.model}},
    # CocoMetric measures boxes alone. False gives boxes the names of birds.
    class_agnostic=True,
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
)

data_root = 'data/CUB_200_2011/'
labels = 'work_dirs/psol/'
ground_truth = labels + 'test.json'
test_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='CocoDataset',
        ann_file=ground_truth,
        data_prefix=dict(img=data_root + 'images'),
        # random: colours for any number of classes
        metainfo=dict(classes=('object',), palette='random'),
        test_mode=True,
        pipeline=[
            dict(
                # By its name: the inferencer of mmdet looks for it.
                type='LoadImageFromFile',
                imdecode_backend='pillow',
                color_type='color_ignore_orientation',
            ),
            dict(
                type='Resize',
                scale=(224, 224),
                keep_ratio=False,
                backend='pillow',
                interpolation='bilinear',
            ),
            dict(
                type='PackDetInputs',
                meta_keys=(
                    'img_id',
                    'img_path',
                    'ori_shape',
                    'img_shape',
                    'scale_factor',
                ),
            ),
        ],
    ),
)
test_evaluator = [
    dict(type='CocoMetric', metric='bbox', ann_file=ground_truth),
    dict(
        type='WSOLEvaluator',
        classifier_results=labels + 'test.pkl',
    ),
]
test_cfg = dict(type='TestLoop')
