# 4 GPUs x 32 images = 128, as published.
_base_ = [
    '_base_/models/tscam_deit-s.py',
    '_base_/datasets/cub_224.py',
    '_base_/schedules/tscam_cub.py',
    '_base_/default_runtime.py',
]

train_dataloader = dict(batch_size=32)
