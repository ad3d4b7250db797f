# What the class token of DeiT-S attends to in its last layer.
_base_ = 'tscam_deit-s_cub.py'

model = dict(head=dict(type='AttentionHead'))
