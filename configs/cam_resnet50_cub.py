# CAM of ResNet-50 whose last stage keeps 14x14, a usual CNN of the field.
_base_ = 'tscam_deit-s_cub.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='ResNet',
        depth=50,
        strides=(1, 2, 2, 1),
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50'),
    ),
    head=dict(type='CAMHead', in_channels=2048),
)
optim_wrapper = dict(
    optimizer=dict(
        _delete_=True, type='SGD', lr=1e-3, momentum=0.9, weight_decay=1e-4
    ),
    paramwise_cfg=dict(
        _delete_=True, custom_keys={'head.': dict(lr_mult=10.0)}
    ),
)
