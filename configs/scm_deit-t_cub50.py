# The first 50 classes of CUB-200-2011: small enough for a CPU. The folder is
# data_root; weights are model.backbone.init_cfg.checkpoint.
_base_ = 'scm_deit-t_cub.py'

data = dict(data_root='data/cub50')
model = dict(head=dict(num_classes=50))
data_preprocessor = dict(num_classes=50)
train_dataloader = dict(batch_size=16, num_workers=1, dataset=data)
val_dataloader = dict(num_workers=1, dataset=data)
test_dataloader = val_dataloader

param_scheduler = dict(milestones=[11])  # the last epoch
train_cfg = dict(max_epochs=12, val_interval=12)
auto_scale_lr = dict(base_batch_size=16)
