# SCM with ViT-H/14: sharded as ViT-L is, activations computed again in the
# backward pass. 16 GPUs x 32 images = 512. No published figure belongs to it.
_base_ = 'scm_vit-l_in1k_fsdp.py'

model = dict(
    backbone=dict(
        arch='huge',
        patch_size=14,
        with_cp=True,
        init_cfg=dict(
            checkpoint='https://download.openmmlab.com/mmselfsup/1.x/mae/'
            'mae_vit-huge-p16_8xb512-fp16-coslr-1600e_in1k/mae_vit-huge-p16'
            '_8xb512-fp16-coslr-1600e_in1k_20220916-ff848775.pth',
        ),
    ),
    head=dict(in_channels=1280),
)
train_dataloader = dict(batch_size=32)

strategy = dict(
    model_wrapper=dict(
        # One unit a layer, of 19.7 M parameters; its FFN has 13.1 M.
        auto_wrap_policy=dict(min_num_params=15_000_000),
    ),
)
