# One process x 64 images. From scratch, on any small set in CUB's layout:
# --cfg-options data_root=FOLDER
_base_ = [
    '_base_/models/tscam_deit-s.py',
    '_base_/datasets/tiny_cub_64.py',
    '_base_/schedules/scratch_64px.py',
    '_base_/default_runtime.py',
]

model = dict(
    backbone=dict(arch='deit-tiny', img_size=64, patch_size=8, init_cfg=None),
    head=dict(in_channels=192, num_classes=12),
)
data_preprocessor = dict(num_classes=12)
