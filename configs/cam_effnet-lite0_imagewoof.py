# CAM of EfficientNet-Lite0 (pip install timm), ten classes of the thousand.
_base_ = 'scm_deit-t_imagewoof.py'

model = dict(
    backbone=dict(
        _delete_=True, type='TIMMBackbone', model_name='tf_efficientnet_lite0'
    ),
    head=dict(_delete_=True, type='CAMHead', in_channels=1280, num_classes=10),
)
data_preprocessor = dict(mean=[127.5] * 3, std=[127.5] * 3)
