# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The models that the benchmarks compare."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from measuring import REPO, load_oracle
from torch import Tensor, nn

from projects.scm.utils import prepare_environment

prepare_environment()  # before mmpretrain is imported

from mmengine.config import Config  # noqa: E402
from mmpretrain.models.backbones import VisionTransformer  # noqa: E402
from mmpretrain.registry import MODELS  # noqa: E402
from mmpretrain.structures import DataSample  # noqa: E402

from projects.scm.models.backbones.attention_tap import (  # noqa: E402
    FusedAttentionTap,
)
from projects.scm.models.calibration import SpatialCalibration  # noqa: E402

STOCK = 'classifier'
TSCAM = 'TS-CAM'
SCM = 'SCM'
PLUS = 'SCM plus'
LITERAL = 'SCM, literal'
#: What is varied of a whole model.
QUANTITIES = ('batch_size', 'classes', 'img_size')


class LiteralCalibration(SpatialCalibration):
    """The calibration with dense matrices and autograd."""

    def pooled(
        self,
        semantic: Tensor,
        attention: Tensor,
        features: Tensor | None = None,
    ) -> Tensor:
        """As the parent's, on the semantic map, which is made."""
        calibrated, _ = load_oracle().dense_calibration(
            semantic,
            attention,
            [block.iterations for block in self.blocks],
            [block.lambda_ for block in self.blocks],
            [block.beta for block in self.blocks],
        )
        return calibrated.mean((2, 3))


class LiteralAttention(FusedAttentionTap):
    """Attention that makes the weights of all pairs of tokens, and keeps them.

    As TS-CAM and SCM do it, whose maps are cut out of them at the end.
    """

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, dropout_p: float = 0.0
    ) -> Tensor:
        """As the parent's."""
        scale = query.size(-1) ** -0.5 if self.scale is None else self.scale
        weights = (query @ key.transpose(-2, -1) * scale).softmax(-1)
        self.put(weights.mean(1)[:, 0])
        return F.dropout(weights, dropout_p) @ value


def build_model(
    name: str,
    classes: int,
    img_size: int,
    arch: str = 'deit-small',
    with_cp: bool = False,
) -> nn.Module:
    """Build a contestant, initialised at random, the same every time."""
    method = {TSCAM: 'tscam', PLUS: 'scm_plus'}.get(name, 'scm')
    cfg = Config.fromfile(REPO / 'configs' / f'{method}_deit-s_cub.py').model
    cfg.backbone.pop('init_cfg')
    cfg.backbone.update(arch=arch, img_size=img_size)
    width = VisionTransformer.arch_zoo[arch]['embed_dims']
    cfg.head.update(num_classes=classes, in_channels=width)
    if with_cp and name != STOCK:
        cfg.backbone.with_cp = True
    if name == STOCK:
        cfg.backbone.type = 'VisionTransformer'
        cfg.head = dict(
            type='VisionTransformerClsHead',
            num_classes=classes,
            in_channels=width,
        )
    torch.manual_seed(0)
    model = MODELS.build(cfg)
    if name == LITERAL:
        model.head.calibration = LiteralCalibration()
        taps = [LiteralAttention() for _ in model.backbone.layers]
        for layer, tap in zip(model.backbone.layers, taps, strict=True):
            layer.attn.scaled_dot_product_attention = tap
        model.backbone._taps = taps
    return model


def make_batch(
    batch_size: int,
    classes: int,
    img_size: int,
    device: str,
    with_frame: bool = True,
) -> tuple[Tensor, list[DataSample]]:
    """Images and labels at random, the same every time.

    Without a frame (the shapes a pipeline notes) heads find no boxes.
    """
    generator = torch.Generator().manual_seed(0)
    shape = (batch_size, 3, img_size, img_size)
    images = torch.randn(shape, generator=generator).to(device)
    labels = torch.randint(classes, (batch_size,), generator=generator)
    frame = dict(img_shape=(img_size, img_size), ori_shape=(375, 500))
    metainfo = frame if with_frame else {}
    samples = [
        DataSample(metainfo=metainfo).set_gt_label(label).to(device)
        for label in labels
    ]
    return images, samples


def autocast(device: str, dtype: str) -> Any:
    """The context a model runs in."""
    if dtype == 'fp32':
        return nullcontext()
    return torch.autocast(torch.device(device).type, torch.bfloat16)


def save_random_weights(config: Path, file: Path) -> None:
    """Write a checkpoint of a config's model as it is before training."""
    model = Config.fromfile(config).model
    model.backbone.pop('init_cfg', None)
    torch.manual_seed(0)
    torch.save({'state_dict': MODELS.build(model).state_dict()}, file)
