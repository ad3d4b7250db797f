# TriLite on ImageNet-1K: at most 100 epochs, AdamW, no schedule.
_base_ = 'trilite_cub.py'

optim_wrapper = dict(
    optimizer=dict(lr=5e-6),
    paramwise_cfg=dict(
        custom_keys={'class_token_classifier': dict(lr_mult=50.0)}
    ),
)
train_cfg = dict(max_epochs=100)
auto_scale_lr = dict(base_batch_size=256)
