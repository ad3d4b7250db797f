# SCM with ViT-L/16, parameters, gradients and optimizer state sharded over the
# GPUs (FSDP). 8 GPUs x 64 images = 512. No published figure belongs to it: the
# schedule is that of DeiT-S.
_base_ = 'scm_deit-s_in1k.py'

model = dict(
    backbone=dict(
        arch='large',
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://download.openmmlab.com/mmclassification/v0/'
            'vit/finetune/vit-large-p16_in21k-pre-3rdparty_ft-64xb64_in1k-384'
            '_20210928-b20ba619.pth',
            prefix='backbone.',
        ),
    ),
    head=dict(in_channels=1024),
)
train_dataloader = dict(batch_size=64)

optim_wrapper = dict(
    type='AmpOptimWrapper',
    dtype='bfloat16',
    # A shard of a matrix is flat: what is flat does not tell what decays.
    paramwise_cfg=dict(flat_decay_mult=None),
)

# λ and β are sharded as well, so no process could log them.
custom_hooks = []

runner_type = 'WSOLFlexibleRunner'
strategy = dict(
    type='FSDPStrategy',
    model_wrapper=dict(
        # One unit a layer, of 12.6 M parameters.
        auto_wrap_policy=dict(
            type='torch.distributed.fsdp.wrap.size_based_auto_wrap_policy',
            min_num_params=10_000_000,
        ),
    ),
    # Checkpoints as those of any other run, written by rank 0.
    state_dict_cfg='full',
)
