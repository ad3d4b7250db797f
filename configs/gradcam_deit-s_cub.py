# Grad-CAM (pip install grad-cam) on a checkpoint of attention_deit-s_cub.
_base_ = 'attention_deit-s_cub.py'

model = dict(
    type='GradCAMClassifier',
    cam=dict(method='GradCAM', target_layers=['backbone.layers.11.ln1']),
)
