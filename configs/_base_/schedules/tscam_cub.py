# TS-CAM on CUB-200-2011: 60 epochs, AdamW, no warm-up.
_base_ = 'adamw.py'

optim_wrapper = dict(optimizer=dict(lr=5e-5))
# The official steps, at the start of epochs 30 and 60 counted from 1.
param_scheduler = dict(type='MultiStepLR', milestones=[29, 59], gamma=0.1)

train_cfg = dict(by_epoch=True, max_epochs=60, val_interval=1)
val_cfg = dict()
test_cfg = dict()

# The published rates belong to a total batch of 128; --auto-scale-lr scales.
auto_scale_lr = dict(base_batch_size=128)
