model = dict(
    type='ImageClassifier',
    backbone=dict(
        type='TSCAMViT',
        arch='deit-small',
        img_size=224,
        patch_size=16,
        drop_path_rate=0.1,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://dl.fbaipublicfiles.com/deit/'
            'deit_small_patch16_224-cd65a155.pth',
        ),
    ),
    head=dict(type='TSCAMHead', in_channels=384, num_classes=200),
)
