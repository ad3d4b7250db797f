# TS-CAM on ImageNet-1K: 20 epochs, AdamW, no warm-up.
_base_ = 'adamw.py'

optim_wrapper = dict(optimizer=dict(lr=5e-4))
# The official steps, at the start of epochs 10, 12 and 20 counted from 1.
param_scheduler = dict(type='MultiStepLR', milestones=[9, 11, 19], gamma=0.1)

train_cfg = dict(by_epoch=True, max_epochs=20, val_interval=1)
val_cfg = dict()
test_cfg = dict()

# The published rates belong to a total batch of 256; --auto-scale-lr scales.
auto_scale_lr = dict(base_batch_size=256)
