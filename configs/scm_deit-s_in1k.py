# 4 GPUs x 128 images = 512, as published.
_base_ = [
    '_base_/models/scm_deit-s.py',
    '_base_/datasets/imagenet_224.py',
    '_base_/schedules/scm_in1k.py',
    '_base_/default_runtime.py',
]

model = dict(head=dict(num_classes=1000, box_cfg=dict(threshold=0.37)))
train_dataloader = dict(batch_size=128)
