# Three times as many patches; 384 is to 439 as 224 is to 256.
_base_ = 'scm_deit-t_cub50.py'

train_pipeline = _base_.train_pipeline
train_pipeline[2].update(scale=(439, 439))
train_pipeline[3].update(crop_size=384)
test_pipeline = _base_.test_pipeline
test_pipeline[3].update(scale=(384, 384))
tta_pipeline = [*test_pipeline[:-1], _base_.flip_and_pack]

model = dict(backbone=dict(img_size=384))
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
