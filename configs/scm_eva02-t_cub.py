_base_ = 'scm_dinov2-s_cub.py'

model = dict(
    backbone=dict(
        model_name='eva02_tiny_patch14_224',
        init_cfg=dict(
            checkpoint='https://huggingface.co/timm/eva02_tiny_patch14_224.'
            'mim_in22k/resolve/main/model.safetensors',
        ),
    ),
    head=dict(in_channels=192),
)
