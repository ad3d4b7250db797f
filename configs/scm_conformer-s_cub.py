# Needs a file of Conformer-S: its authors' own, saved as below.
_base_ = 'scm_deit-s_cub.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='TSCAMConformer',
        drop_path_rate=0.1,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='checkpoints/Conformer_small_patch16.pth',
        ),
    ),
    head=dict(type='ConformerSCMHead', in_channels=(1024, 384)),
)
