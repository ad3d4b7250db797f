# Pretraining of the demonstration: MMPretrain's ViT classifier, from random
# weights. Its class token learns where to look, from image labels only.
_base_ = 'tscam_vit-demo_demo.py'

model = dict(
    backbone=dict(type='VisionTransformer', init_cfg=None),
    head=dict(
        _delete_=True,
        type='VisionTransformerClsHead',
        in_channels=128,
        num_classes=6,
    ),
)

optim_wrapper = dict(optimizer=dict(lr=1e-3))
val_evaluator = dict(_delete_=True, type='Accuracy', topk=(1,))
test_evaluator = val_evaluator
