_base_ = 'tscam_deit-s.py'

model = dict(head=dict(type='SCMHead'))
