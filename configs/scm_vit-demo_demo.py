_base_ = 'tscam_vit-demo_demo.py'

model = dict(head=dict(type='SCMHead'))
