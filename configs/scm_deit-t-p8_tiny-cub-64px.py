_base_ = 'tscam_deit-t-p8_tiny-cub-64px.py'

model = dict(head=dict(type='SCMHead'))
