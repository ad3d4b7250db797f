# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""A threshold that training images and their labels choose.

Fixed thresholds do not fit every set, Otsu's fits few, and the best one is
known only where boxes are. The pass here looks at some training images, of
which nothing but the class is known, and takes the threshold at which the
boxes do best by a criterion that needs no box, see
:mod:`projects.scm.evaluation.functional.label_criteria`.
"""

import hashlib
import time
from collections.abc import Callable
from os import PathLike
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import default_collate
from mmengine.device import get_device
from mmengine.registry import init_default_scope
from mmpretrain.apis import get_model
from mmpretrain.registry import DATASETS
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Subset

from projects.scm.evaluation.functional.label_criteria import (
    CRITERIA,
    agreement_scores,
    best_threshold,
    component_map,
    consistency_scores,
    evidence_scores,
    ious_at_thresholds,
    map_boxes,
    otsu_box,
)
from projects.scm.models.backbones.full_attention import (
    among_patches,
    shows_all_attention,
)
from projects.scm.models.heads.scm_plus_head import diffuse
from projects.scm.utils.config_options import read_config, training_images
from projects.scm.utils.progress import track

from .checkpoints import check_model, load_weights

THRESHOLDS = np.round(np.arange(0.01, 0.8, 0.01), 2)
"""That are tried."""
DIFFUSIONS = 3
"""Steps over the attention among patches, for ``diffusion``."""
SHRUNKEN = 5 / 7
"""Side of the picture for ``consistency``, in that of the model's input."""

_COARSE = slice(1, None, 6)
"""Of the thresholds, for a criterion that costs two passes each."""
_BATCH = 16


class _Pass:
    """A model that looks at training images whose class is known.

    The criterion is the method of its name.
    """

    def __init__(self, model: torch.nn.Module, criterion: str) -> None:
        self.model = model
        self.head = model.head
        self.pictures = 0
        self.thresholds = THRESHOLDS
        if criterion == 'classification':
            self.thresholds = THRESHOLDS[_COARSE]
        self.score: Callable[..., np.ndarray] = getattr(self, criterion)

    def boxes(self, maps: Tensor, inputs: Tensor) -> np.ndarray:
        """(B, T, 4) boxes of the maps of the true classes."""
        size_wh = inputs.shape[:1:-1]
        return np.stack(
            [map_boxes(m, self.thresholds, size_wh) for m in _numpy(maps)]
        )

    def feats(self, inputs: Tensor) -> tuple:
        """What the backbone makes of pictures, which are counted."""
        self.pictures += len(inputs)
        return self.model.extract_feat(inputs)

    def maps(self, feats: tuple, labels: Tensor) -> Tensor:
        """(B, h, w) score maps of the true classes."""
        return self.head.score_maps(feats, labels.unsqueeze(1))[:, 0]

    def diffusion(self, inputs: Tensor, labels: Tensor) -> np.ndarray:
        """(B, T + 1, 4) boxes, and that of the diffused map.

        A map that its head has diffused is not diffused again.

        Raises:
            TypeError: If not every layer of the backbone attends.
        """
        backbone = self.model.backbone
        with among_patches(backbone) as seen:
            feats = self.feats(inputs)
        tokens = self.head.pre_logits(feats)
        if tokens.patch_attention is not None:
            among = tokens.patch_attention.sum(1)
        else:
            among = sum(seen.of(backbone.layers))
        maps = self.maps(feats, labels)
        steps = 0 if hasattr(self.head, 'map_steps') else DIFFUSIONS
        # Maps of some methods are as large as the picture.
        on_grid = functional.adaptive_avg_pool2d(
            maps.unsqueeze(1), tokens.patch.shape[2:]
        )
        spread = _numpy(diffuse(on_grid, among, steps)[:, 0])
        size_wh = inputs.shape[:1:-1]
        others = np.stack([otsu_box(m, size_wh) for m in spread])
        boxes = self.boxes(maps, inputs)
        return np.concatenate([boxes, others[:, None]], 1)

    def components(self, inputs: Tensor, labels: Tensor) -> np.ndarray:
        """IoU with the box of the first principal component."""
        feats = self.feats(inputs)
        tokens = self.head.pre_logits(feats)
        attention = _numpy(self.head.attention_map(tokens))
        size_wh = inputs.shape[:1:-1]
        scores = []
        for boxes, patch, attended in zip(
            self.boxes(self.maps(feats, labels), inputs),
            _numpy(tokens.patch),
            attention,
            strict=True,
        ):
            component = component_map(patch, attended)
            low, high = component.min(), component.max()
            zero = -low / (high - low) if high > low else 0.0
            (other,) = map_boxes(component, [zero], size_wh)
            scores.append(ious_at_thresholds(boxes, other))
        return np.array(scores)

    def consistency(self, inputs: Tensor, labels: Tensor) -> np.ndarray:
        """(B, T, 2, 4) boxes, and those of the shrunken picture.

        A mirrored or cropped picture would not do: a box that always is the
        whole picture agrees with itself in all of them, but not here.
        """
        height, width = inputs.shape[2:]
        boxes = self.boxes(self.maps(self.feats(inputs), labels), inputs)
        small_h, small_w = round(height * SHRUNKEN), round(width * SHRUNKEN)
        top, left = (height - small_h) // 2, (width - small_w) // 2
        small = functional.pad(
            functional.interpolate(
                inputs,
                size=(small_h, small_w),
                mode='bilinear',
                antialias=True,
            ),
            (left, width - small_w - left, top, height - small_h - top),
        )
        shrunken = self.boxes(self.maps(self.feats(small), labels), inputs)
        shrunken = (shrunken - [left, top] * 2) / (
            [small_w / width, small_h / height] * 2
        )
        return np.stack([boxes, shrunken], 2)

    def classification(self, inputs: Tensor, labels: Tensor) -> np.ndarray:
        """What the box holds of the true class, beyond its share."""
        height, width = inputs.shape[2:]
        found = self.boxes(self.maps(self.feats(inputs), labels), inputs)
        scores = []
        for picture, label, boxes in zip(inputs, labels, found, strict=True):
            different, place = np.unique(
                boxes.astype(int), axis=0, return_inverse=True
            )
            views = [
                view
                for x0, y0, x1, y1 in different.tolist()
                for view in _inside_and_outside(picture, x0, y0, x1, y1)
            ]
            probabilities = np.concatenate(
                [
                    _numpy(self.head(self.feats(part)).softmax(1))
                    for part in torch.stack(views).split(_BATCH)
                ]
            )[:, int(label)]
            shares = (different[:, 2] - different[:, 0]) * (
                different[:, 3] - different[:, 1]
            )
            evidence = evidence_scores(
                probabilities[::2],
                probabilities[1::2],
                shares / (height * width),
            )
            scores.append(evidence[place.reshape(-1)])
        return np.array(scores)


def choose_threshold(
    config: str | PathLike | Config,
    checkpoint: str | PathLike,
    criterion: str | None = None,
    num_images: int = 200,
    device: str | None = None,
    progress_bar: bool = True,
) -> dict[str, Any]:
    """Choose the threshold of a trained model by image labels alone.

    Args:
        config (str | PathLike | Config): Of the model; its training set is
            looked at through the steps of its test pipeline.
        checkpoint (str | PathLike): The trained model.
        criterion (str, optional): See
            :mod:`~projects.scm.evaluation.functional.label_criteria`.
            Defaults to None, what did best (``docs/results.md``): for vision
            transformers ``diffusion``, else ``consistency``.
        num_images (int): Of the training set, drawn by a digest of their file
            names. Defaults to 200.
        device (str, optional): Defaults to None, an accelerator if there is
            one.
        progress_bar (bool): Show one. Defaults to True.

    Returns:
        dict: ``threshold`` in [0, 1], ``criterion``, ``checkpoint`` (file
        name), ``split``, ``num_images``, ``num_passes`` (pictures that went
        through the model), ``seconds``, and ``curve``: mean score by
        threshold. For
        :func:`~projects.scm.evaluation.functional.save_label_threshold`.

    Raises:
        FileNotFoundError: If a file is missing.
        TypeError: If the model has no score maps, or not what the criterion
            looks at.
        ValueError: If the criterion is unknown, or the checkpoint does not
            fit.
    """
    if criterion is not None and criterion not in CRITERIA:
        raise ValueError(
            f'criterion: expected one of {CRITERIA}, got {criterion!r}'
        )
    if num_images < 1:
        raise ValueError(f'num_images: expected at least 1, got {num_images}')
    begin = time.monotonic()
    if not isinstance(config, Config):
        config = read_config(config)
    model = check_model(get_model(config, pretrained=False))
    load_weights(model, checkpoint)
    model = model.to(get_device() if device is None else device).eval()
    init_default_scope(config.get('default_scope', 'mmpretrain'))
    dataset = DATASETS.build(training_images(config))
    chosen = _draw(dataset, num_images)
    attends = shows_all_attention(model.backbone)
    if criterion is None:
        criterion = 'diffusion' if attends else 'consistency'
    elif criterion == 'diffusion' and not attends:
        raise TypeError(
            "criterion='diffusion' looks at the attention among patches, "
            f'which {type(model.backbone).__name__} does not tell: use '
            "'consistency'"
        )
    looking = _Pass(model, criterion)
    images = Subset(dataset, chosen)
    batches = DataLoader(images, _BATCH, collate_fn=default_collate)
    if progress_bar:
        batches = track(batches, 'Choosing a threshold')
    scores = []
    with torch.no_grad():
        for batch in batches:
            data = model.data_preprocessor(batch)
            labels = torch.cat([s.gt_label for s in data['data_samples']])
            scores.append(looking.score(data['inputs'], labels))
    found = np.concatenate(scores)
    if criterion == 'consistency':  # of all pictures at once
        found = consistency_scores(found[:, :, 0], found[:, :, 1])[None]
    elif criterion == 'diffusion':
        found = agreement_scores(found[:, :-1], found[:, -1])[None]
    threshold, means = best_threshold(found, looking.thresholds)
    return {
        'threshold': threshold,
        'criterion': criterion,
        'checkpoint': PurePath(checkpoint).name,
        'split': dataset.metainfo.get('split', 'train'),
        'num_images': len(chosen),
        'num_passes': looking.pictures,
        'seconds': round(time.monotonic() - begin, 1),
        'curve': {
            f'{t:g}': round(float(mean), 5)
            for t, mean in zip(looking.thresholds, means, strict=True)
        },
    }


def _draw(dataset: Any, count: int) -> list[int]:
    """Images by a digest of their names: the same ones every time."""

    def digest(index: int) -> bytes:
        name = Path(dataset.get_data_info(index)['img_path']).name
        return hashlib.sha256(name.encode()).digest()

    return sorted(range(len(dataset)), key=digest)[:count]


def _inside_and_outside(
    picture: Tensor, x0: int, y0: int, x1: int, y1: int
) -> tuple[Tensor, Tensor]:
    """A picture cropped to a box, and without it (the mean colour)."""
    outside = picture.clone()
    outside[:, y0:y1, x0:x1] = 0
    if x1 <= x0 or y1 <= y0:
        return torch.zeros_like(picture), outside
    inside = functional.interpolate(
        picture[None, :, y0:y1, x0:x1],
        size=picture.shape[1:],
        mode='bilinear',
        antialias=True,
    )
    return inside[0], outside


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.float().cpu().numpy()
