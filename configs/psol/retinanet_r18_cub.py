# A class-agnostic detector, trained on boxes that a localization model found:
#   python tools/pseudo_labels.py configs/scm_deit-s_cub.py CKPT
#   python tools/train_detector.py configs/psol/retinanet_r18_cub.py
#   python tools/test_detector.py configs/psol/retinanet_r18_cub.py CKPT
#   python tools/localize.py PHOTOGRAPHS \
#       --model configs/psol/retinanet_r18_cub.py --checkpoint CKPT
# One GPU x 16 images. Everything but the data and the sizes is mmdet's.
_base_ = 'mmdet::retinanet/retinanet_r18_fpn_1x_coco.py'

custom_imports = dict(
    imports=['projects.scm.register', 'projects.scm.mmdet'],
    allow_failed_imports=False,
)

data_root = 'data/CUB_200_2011/'
labels = 'work_dirs/psol/'  # what tools/pseudo_labels.py has written
ground_truth = labels + 'test.json'
metainfo = dict(classes=('object',), palette=[(220, 20, 60)])
scale = (512, 512)  # the long side at most; CUB has 500 pixels

model = dict(
    bbox_head=dict(num_classes=1),
    # Every image has its object: keep the best box, however unsure.
    test_cfg=dict(score_thr=0.0, max_per_img=10),
)

load_image = dict(
    type='LoadImageFromFile',
    imdecode_backend='pillow',
    # No turning by EXIF tags: boxes belong to the pixels as they are stored.
    color_type='color_ignore_orientation',
)
train_pipeline = [
    load_image,
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='Resize', scale=scale, keep_ratio=True),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs'),
]
test_pipeline = [
    load_image,
    dict(type='Resize', scale=scale, keep_ratio=True),
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
]

train_dataloader = dict(
    batch_size=16,
    num_workers=4,
    dataset=dict(
        data_root='',
        ann_file=labels + 'train.json',
        data_prefix=dict(img=data_root + 'images'),
        metainfo=metainfo,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=16,
    num_workers=4,
    dataset=dict(
        data_root='',
        ann_file=ground_truth,
        data_prefix=dict(img=data_root + 'images'),
        metainfo=metainfo,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(ann_file=ground_truth)
test_evaluator = [
    dict(type='CocoMetric', metric='bbox', ann_file=ground_truth),
    dict(type='WSOLEvaluator', classifier_results=labels + 'test.pkl'),
]
# The figures of validation are those of the test set: for looking only.
train_cfg = dict(val_interval=4)
# Killed at any time, it resumes as if it had not been; foreign files are
# refused. All of it is this project's.
runner_type = 'WSOLRunner'
log_processor = dict(type='WSOLLogProcessor')
default_hooks = dict(
    checkpoint=dict(type='mmpretrain.DurableCheckpointHook', max_keep_ckpts=2),
    checkpoint_fit=dict(type='mmpretrain.CheckpointFitHook'),
    iteration_seed=dict(type='mmpretrain.IterationSeedHook'),
    resume_check=dict(type='mmpretrain.ResumeCheckHook'),
    missed_validation=dict(type='mmpretrain.MissedValidationHook'),
)
randomness = dict(seed=26)
