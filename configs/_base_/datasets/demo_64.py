# The demonstration: tools/demo/make_dataset.py --out data/demo
_base_ = 'tiny_cub_64.py'

data_root = 'data/demo'
data_preprocessor = dict(num_classes=6)

train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = val_dataloader
