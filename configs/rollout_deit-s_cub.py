# Attention rollout; a checkpoint of attention_deit-s_cub serves as well.
_base_ = 'attention_deit-s_cub.py'

model = dict(backbone=dict(type='RolloutViT'))
