# 4 GPUs x 64 images = 256, as published.
_base_ = [
    '_base_/models/tscam_deit-s.py',
    '_base_/datasets/imagenet_224.py',
    '_base_/schedules/tscam_in1k.py',
    '_base_/default_runtime.py',
]

model = dict(head=dict(num_classes=1000, box_cfg=dict(threshold=0.12)))
train_dataloader = dict(batch_size=64)
