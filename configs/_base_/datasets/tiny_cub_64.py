# A small set in the layout of CUB-200-2011, at 64x64, on one machine.
# Elsewhere: --cfg-options data_root=FOLDER
_base_ = 'cub_224.py'

data_root = 'data/tiny_cub'
load_image = {{_base_.load_image}}
train_pipeline = [
    load_image,
    dict(type='ContiguousImage'),
    # 64 is to 72 as 224 is to 256, nearly.
    dict(
        type='Resize',
        scale=(72, 72),
        backend='pillow',
        interpolation='bilinear',
    ),
    dict(type='RandomCrop', crop_size=64),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='PackWSOLInputs'),
]
load_and_resize = [
    load_image,
    dict(type='ContiguousImage'),
    dict(type='LoadAnnotations', with_bbox=True, with_label=False),
    dict(
        type='Resize',
        scale=(64, 64),
        backend='pillow',
        interpolation='bilinear',
    ),
]
test_pipeline = [*load_and_resize, dict(type='PackWSOLInputs')]

train_dataloader = dict(
    num_workers=2,
    dataset=dict(data_root=data_root, pipeline=train_pipeline),
)
val_dataloader = dict(
    num_workers=2,
    dataset=dict(data_root=data_root, pipeline=test_pipeline),
)
test_dataloader = val_dataloader

tta_pipeline = [*load_and_resize, {{_base_.flip_and_pack}}]
