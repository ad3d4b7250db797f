# DINOv3's weights are given out on request: save the file of its authors, or
# of Hugging Face, as below.
_base_ = 'scm_dinov2-s_cub.py'

model = dict(
    backbone=dict(
        model_name='vit_small_patch16_dinov3_qkvb',
        init_cfg=dict(checkpoint='checkpoints/dinov3_vits16_pretrain.pth'),
    ),
)
