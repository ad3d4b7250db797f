# From random weights, on small pictures: a warm-up and a cosine.
_base_ = 'adamw.py'

optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = [
    dict(
        type='WarmUpLR',
        start_factor=0.01,
        share=2 / 9,  # of the run: 50 iterations of the demonstration
        convert_to_iter_based=True,
    ),
    dict(type='CosineAnnealingLR', eta_min=1e-5, convert_to_iter_based=True),
]

train_cfg = dict(by_epoch=True, max_epochs=10, val_interval=5)
val_cfg = dict()
test_cfg = dict()

auto_scale_lr = dict(base_batch_size=64)
