# A small ViT on the demonstration: minutes on two CPU cores. Its weights are
# those of configs/classifier_vit-demo_demo.py, which must be trained before.
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
            num_layers=3,
            num_heads=4,
            feedforward_channels=512,
        ),
        img_size=64,
        patch_size=8,
        init_cfg=dict(
            checkpoint='work_dirs/classifier_vit-demo_demo/epoch_3.pth',
            prefix='backbone.',
        ),
    ),
    head=dict(in_channels=128, num_classes=6),
)

# A fifth of the schedule's rate: the weights are pretrained.
optim_wrapper = dict(optimizer=dict(lr=2e-4))
train_cfg = dict(max_epochs=3, val_interval=3)
