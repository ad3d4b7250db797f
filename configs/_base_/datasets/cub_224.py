# CUB-200-2011 at 224x224. Batch sizes are those of one GPU.
dataset_type = 'CUBLocalization'
data_root = 'data/CUB_200_2011'
data_preprocessor = dict(
    num_classes=200,
    # of ImageNet, in RGB
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    to_rgb=True,  # images are loaded as BGR
)

# Pillow, and no turning by EXIF tags: the pixels of the published results.
load_image = dict(
    type='Load8BitImage',
    imdecode_backend='pillow',
    color_type='color_ignore_orientation',
)
train_pipeline = [
    load_image,
    dict(type='ContiguousImage'),  # for speed, the pixels are the same
    # Both sides: the aspect ratio is not kept.
    dict(
        type='Resize',
        scale=(256, 256),
        backend='pillow',
        interpolation='bilinear',
    ),
    dict(type='RandomCrop', crop_size=224),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='PackWSOLInputs'),
]
load_and_resize = [
    load_image,
    dict(type='ContiguousImage'),
    dict(type='LoadAnnotations', with_bbox=True, with_label=False),
    dict(
        type='Resize',
        scale=(224, 224),
        backend='pillow',
        interpolation='bilinear',
    ),
]
test_pipeline = [*load_and_resize, dict(type='PackWSOLInputs')]

train_dataloader = dict(
    # 4 GPUs x 64 = 256, as published for SCM; TS-CAM has 4 x 32 = 128.
    batch_size=64,
    num_workers=4,
    persistent_workers=True,
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='train',
        pipeline=train_pipeline,
    ),
    sampler=dict(type='DefaultSampler', shuffle=True),
)
# All published figures are those of the test set, validation while training
# included. To choose anything by validation use CUBV2 instead: split='val',
# meta_root='<wsolevaluation>/metadata/CUB', data_prefix='<CUBV2 images>'.
val_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=True,
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='test',
        pipeline=test_pipeline,
    ),
    sampler=dict(type='DefaultSampler', shuffle=False),
)
val_evaluator = dict(
    type='WSOLEvaluator', protocol=['scm', 'wsoleval', 'tscam']
)

# A child that changes these for validation must change them for the test.
test_dataloader = val_dataloader
test_evaluator = val_evaluator

# tools/test.py --tta: the image and its mirror image; maps are turned back.
tta_model = dict(type='FlipTTA')
flip_and_pack = dict(
    type='TestTimeAug',
    transforms=[
        [
            dict(type='RandomFlip', prob=0.0),
            dict(type='RandomFlip', prob=1.0),
        ],
        [dict(type='PackWSOLInputs')],
    ],
)
tta_pipeline = [*load_and_resize, flip_and_pack]
