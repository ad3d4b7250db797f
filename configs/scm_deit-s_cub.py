# 4 GPUs x 64 images = 256, as published.
_base_ = [
    '_base_/models/scm_deit-s.py',
    '_base_/datasets/cub_224.py',
    '_base_/schedules/scm_cub.py',
    '_base_/default_runtime.py',
]

train_dataloader = dict(batch_size=64)
