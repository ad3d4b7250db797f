_base_ = 'tscam_vit-demo_demo.py'

model = dict(head=dict(type='SCMHead'))
custom_hooks = [dict(type='CalibrationLogHook')]  # λ and β in the log
