_base_ = 'tscam_deit-t-p8_tiny-cub-64px.py'

model = dict(head=dict(type='SCMHead'))
custom_hooks = [dict(type='CalibrationLogHook')]  # λ and β in the log
