# OpenImages30k at 224x224: the pipelines of CUB, masks in place of boxes.
_base_ = 'cub_224.py'

dataset_type = 'OpenImagesLocalization'
data_root = 'data/OpenImages'
data_preprocessor = dict(num_classes=100)

train_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root))
# To choose anything take the 2,500 images of 'val', as their authors do.
val_dataloader = dict(
    dataset=dict(type=dataset_type, data_root=data_root, split='test')
)
test_dataloader = val_dataloader

# Whatever the protocol, PxAP and pixel IoU are added.
val_evaluator = dict(protocol='wsoleval')
test_evaluator = val_evaluator
