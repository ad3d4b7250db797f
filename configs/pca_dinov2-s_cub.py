# First principal component of the patch tokens of DINOv2-S/14.
_base_ = 'scm_dinov2-s_cub.py'

model = dict(head=dict(type='PrincipalComponentHead'))
