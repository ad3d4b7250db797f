# ImageNet-1K at 224x224: the pipelines of CUB. Batch sizes are per GPU.
_base_ = 'cub_224.py'

dataset_type = 'ImageNetLocalization'
data_root = 'data/imagenet'
data_preprocessor = dict(num_classes=1000)

train_dataloader = dict(
    # 4 GPUs x 128 = 512, as published for SCM; TS-CAM has 4 x 64 = 256.
    batch_size=128,
    num_workers=8,
    dataset=dict(type=dataset_type, data_root=data_root),
)
# Boxes of the 50,000 validation images: TS-CAM's list here; the XML files of
# ILSVRC (xml_root) and the lists of wsolevaluation (meta_root) do as well.
val_dataloader = dict(
    batch_size=128,
    num_workers=8,
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        split='val',
        ann_file='meta/val_folder_new.txt',
    ),
)
val_evaluator = dict(
    protocol=[
        'scm',
        'wsoleval',
        # TS-CAM's threshold on ImageNet; on CUB it is 0.1, the default.
        dict(type='tscam', threshold=dict(type='fixed', value=0.12)),
    ]
)
test_dataloader = val_dataloader
test_evaluator = val_evaluator
