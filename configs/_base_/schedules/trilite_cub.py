# TriLite on CUB-200-2011: at most 200 epochs, AdamW, no schedule.
optim_wrapper = dict(
    optimizer=dict(type='AdamW', lr=5e-5, weight_decay=0.01),
    paramwise_cfg=dict(
        custom_keys={'class_token_classifier': dict(lr_mult=10.0)}
    ),
)
param_scheduler = []

train_cfg = dict(by_epoch=True, max_epochs=200, val_interval=1)
val_cfg = dict()
test_cfg = dict()

# The published rates belong to a total batch of 128; --auto-scale-lr scales.
auto_scale_lr = dict(base_batch_size=128)
