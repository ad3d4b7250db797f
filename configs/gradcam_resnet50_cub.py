# Any method of grad-cam (pip install grad-cam) on a checkpoint of
# cam_resnet50_cub: model.cam.method=LayerCAM, ScoreCAM, HiResCAM and others.
_base_ = 'cam_resnet50_cub.py'

model = dict(
    type='GradCAMClassifier',
    cam=dict(method='GradCAMPlusPlus', target_layers=['backbone.layer4']),
)
