# PxAP on OpenImages30k. Nobody has published a recipe of SCM for it: this is
# that of CUB, ten epochs.
_base_ = [
    '_base_/models/scm_deit-s.py',
    '_base_/datasets/openimages_224.py',
    '_base_/schedules/scm_cub.py',
    '_base_/default_runtime.py',
]

model = dict(head=dict(num_classes=100))
param_scheduler = dict(milestones=[9])  # the last epoch
train_cfg = dict(max_epochs=10)
