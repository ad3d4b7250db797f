_base_ = 'tscam_deit-s_cub.py'

model = dict(
    backbone=dict(
        arch='deit-base',
        init_cfg=dict(
            checkpoint='https://dl.fbaipublicfiles.com/deit/'
            'deit_base_patch16_224-b5f2ef4d.pth',
        ),
    ),
    head=dict(in_channels=768),
)
