# TriLite on a frozen DINOv2-S/14: trained at 224, tested at 448 pixels.
_base_ = [
    '_base_/models/trilite_dinov2-s.py',
    '_base_/datasets/imagenet_224.py',
    '_base_/schedules/trilite_in1k.py',
    '_base_/default_runtime.py',
]

model = dict(head=dict(num_classes=1000, alpha=500.0, dropout=0.25))
train_dataloader = dict(batch_size=256)  # on one GPU, as published

load_image, contiguous, boxes, resize = _base_.load_and_resize
large = [load_image, contiguous, boxes, dict(resize, scale=(448, 448))]
val_dataloader = dict(
    dataset=dict(pipeline=[*large, dict(type='PackWSOLInputs')])
)
test_dataloader = val_dataloader
tta_pipeline = [*large, _base_.flip_and_pack]

# On ImageNet its authors take any contour, for Top-1 as well.
val_evaluator = dict(protocol=['trilite_in1k', 'wsoleval'])
test_evaluator = val_evaluator

# By labels alone; the authors also choose an epoch by boxes.
custom_hooks = [
    dict(
        type='EarlyStoppingHook',
        monitor='wsol/trilite_in1k/top1_cls_acc',
        patience=10,
    )
]
