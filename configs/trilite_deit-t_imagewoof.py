# TriLite on a frozen DeiT-Ti, CUB's recipe: trained at 224, tested at 448.
_base_ = 'scm_deit-t_imagewoof.py'

model = dict(
    backbone=dict(frozen_stages=12, final_norm=False, drop_path_rate=0.0),
    head=dict(
        _delete_=True, type='TriLiteHead', in_channels=192, num_classes=10
    ),
)
optim_wrapper = dict(
    _delete_=True,
    optimizer=dict(type='AdamW', lr=5e-5, weight_decay=0.01),
    paramwise_cfg=dict(
        custom_keys={'class_token_classifier': dict(lr_mult=10.0)}
    ),
)
param_scheduler = []
train_cfg = dict(max_epochs=30, val_interval=30)

test_pipeline = _base_.test_pipeline
test_pipeline[3].update(scale=(448, 448))
tta_pipeline = [*test_pipeline[:-1], _base_.flip_and_pack]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

val_evaluator = dict(protocol=['trilite', 'scm', 'wsoleval', 'tscam'])
test_evaluator = val_evaluator
