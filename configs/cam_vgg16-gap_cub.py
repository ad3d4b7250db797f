# CAM of VGG16-GAP: no last pooling, one more convolution, no hidden layers.
_base_ = 'cam_resnet50_cub.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='VGG',
        depth=16,
        with_last_pool=False,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://mmassets.onedl.ai/mmclassification/v0/vgg/'
            'vgg16_batch256_imagenet_20210208-db26f1a5.pth',
            prefix='backbone',
        ),
    ),
    head=dict(in_channels=512, extra_convs=1),
)
