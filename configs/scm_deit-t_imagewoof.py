# Imagewoof, ten breeds of dogs of ImageNet: small enough for a CPU. The
# folder is data_root; weights are model.backbone.init_cfg.checkpoint.
_base_ = [
    '_base_/models/scm_deit-s.py',
    '_base_/datasets/imagenet_224.py',
    '_base_/schedules/scm_cub.py',
    '_base_/default_runtime.py',
]

data = dict(
    data_root='data/imagewoof',
    metainfo=dict(
        classes=[
            'Shih-Tzu',
            'Rhodesian ridgeback',
            'beagle',
            'English foxhound',
            'Border terrier',
            'Australian terrier',
            'golden retriever',
            'Old English sheepdog',
            'Samoyed',
            'dingo',
        ],
    ),
)
model = dict(
    backbone=dict(
        arch='deit-tiny',
        init_cfg=dict(
            checkpoint='https://dl.fbaipublicfiles.com/deit/'
            'deit_tiny_patch16_224-a1311bcf.pth',
        ),
    ),
    head=dict(in_channels=192, num_classes=10),
)
data_preprocessor = dict(num_classes=10)
train_dataloader = dict(batch_size=32, num_workers=1, dataset=data)
val_dataloader = dict(num_workers=1, dataset=data)
test_dataloader = val_dataloader

param_scheduler = dict(milestones=[3])  # the last epoch
train_cfg = dict(max_epochs=4, val_interval=4)
auto_scale_lr = dict(base_batch_size=32)
