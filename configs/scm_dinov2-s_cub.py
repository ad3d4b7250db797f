_base_ = 'scm_deit-s_cub.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='TSCAMTimm',  # pip install timm
        model_name='vit_small_patch14_dinov2',  # 16x16 patches at 224 px
        drop_path_rate=0.1,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://dl.fbaipublicfiles.com/dinov2/dinov2_vits14/'
            'dinov2_vits14_pretrain.pth',
        ),
    ),
)
