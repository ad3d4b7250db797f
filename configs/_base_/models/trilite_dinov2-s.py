model = dict(
    type='ImageClassifier',
    backbone=dict(
        type='TSCAMViT',
        arch='dinov2-small',
        img_size=518,  # of its position embedding; any size is taken
        patch_size=14,
        layer_scale_init_value=1e-5,
        frozen_stages=12,  # all, patch and position embedding too
        final_norm=False,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://dl.fbaipublicfiles.com/dinov2/dinov2_vits14/'
            'dinov2_vits14_pretrain.pth',
        ),
    ),
    head=dict(type='TriLiteHead', in_channels=384, num_classes=200),
)
