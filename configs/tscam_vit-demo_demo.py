# A small ViT from scratch on the demonstration: minutes on two CPU cores.
_base_ = [
    '_base_/models/tscam_deit-s.py',
    '_base_/datasets/demo_64.py',
    '_base_/schedules/scratch_64px.py',
    '_base_/default_runtime.py',
]

model = dict(
    backbone=dict(
        arch=dict(
            _delete_=True,
            embed_dims=128,
            num_layers=5,
            num_heads=4,
            feedforward_channels=512,
        ),
        img_size=64,
        patch_size=8,
        init_cfg=None,
    ),
    head=dict(in_channels=128, num_classes=6),
)

train_cfg = dict(max_epochs=5, val_interval=5)
