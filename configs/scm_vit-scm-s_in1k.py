# The official `vit_scm_small`: 8 layers of 768 channels, with the attention
# scaled by all channels, not by those of a head. The official code starts
# from timm 0.3's vit_small, whose queries, keys and values have no biases.
_base_ = 'scm_deit-s_in1k.py'

model = dict(
    backbone=dict(
        arch='small',
        attention_scale=768**-0.5,
        norm_cfg=dict(type='LN', eps=1e-5),
        init_cfg=None,
    ),
    head=dict(in_channels=768),
)
