# What all schedules share: AdamW, weight decay on matrices only.
optim_wrapper = dict(
    optimizer=dict(type='AdamW', weight_decay=0.05),
    paramwise_cfg=dict(
        norm_decay_mult=0.0,
        bias_decay_mult=0.0,
        flat_decay_mult=0.0,
        custom_keys={
            '.cls_token': dict(decay_mult=0.0),
            '.pos_embed': dict(decay_mult=0.0),
            # λ and β of a calibration move by about lr a step.
            'head.calibration': dict(lr_mult=1.0, decay_mult=0.0),
        },
    ),
)
