# SCM on CUB-200-2011: 30 epochs, AdamW, no warm-up.
optim_wrapper = dict(
    optimizer=dict(type='AdamW', lr=5e-5, weight_decay=0.05),
    # Weight decay on matrices only.
    paramwise_cfg=dict(
        norm_decay_mult=0.0,
        bias_decay_mult=0.0,
        flat_decay_mult=0.0,
        custom_keys={
            '.cls_token': dict(decay_mult=0.0),
            '.pos_embed': dict(decay_mult=0.0),
            # λ and β of the calibration move by about lr a step.
            'head.calibration': dict(lr_mult=1.0, decay_mult=0.0),
        },
    ),
)
# The official steps, at the start of epoch 30 counted from 1.
param_scheduler = dict(type='MultiStepLR', milestones=[29], gamma=0.1)

train_cfg = dict(by_epoch=True, max_epochs=30, val_interval=1)
val_cfg = dict()
test_cfg = dict()

# The published rates belong to a total batch of 256; --auto-scale-lr scales.
auto_scale_lr = dict(base_batch_size=256)
