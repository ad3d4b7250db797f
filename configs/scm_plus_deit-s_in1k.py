# SCM with maps that are diffused at inference: its checkpoints serve as well.
_base_ = 'scm_deit-s_in1k.py'

model = dict(
    backbone=dict(type='PatchAttentionViT'),
    head=dict(type='SCMPlusHead', box_cfg=dict(threshold='otsu')),
)
