# LeGrad; a checkpoint of attention_deit-s_cub serves as well.
_base_ = 'attention_deit-s_cub.py'

model = dict(
    backbone=dict(type='LeGradViT'),
    head=dict(type='LeGradHead'),
)
