# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What attention, semantic map and score map of a model do by themselves."""

from collections.abc import Iterator, Sequence
from os import PathLike
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import default_collate
from mmengine.registry import init_default_scope
from mmpretrain.apis import get_model
from mmpretrain.registry import DATASETS
from torch.utils.data import DataLoader, Subset

from projects.scm.evaluation.functional.map_statistics import (
    best_ious,
    relative_entropy,
    share_inside,
)
from projects.scm.structures import as_array
from projects.scm.structures.boxes import scale_boxes
from projects.scm.utils.progress import track

from .checkpoints import check_model, load_weights

MAPS = ('attention', 'semantic', 'score')
THRESHOLDS = np.round(np.arange(0, 1, 0.02), 2)
_BATCH = 16


class ImageMaps(NamedTuple):
    """Maps of the true class of an image, and where its object is."""

    maps: dict[str, np.ndarray]
    """By name (:data:`MAPS`): float32 (h, w) of any range."""
    boxes: np.ndarray
    """(m, 4) half-open ``x0, y0, x1, y1`` in the frame."""
    frame_wh: tuple[int, int]


def read_maps(
    config: Config,
    checkpoint: str | PathLike,
    num_images: int | None = None,
    progress_bar: bool = True,
) -> list[ImageMaps]:
    """Let a model look at test images, and keep what its map is made of.

    Args:
        config (Config): Of the model and its test set, which has boxes.
        checkpoint (str | PathLike): The trained model.
        num_images (int, optional): Evenly spread over the set. Defaults to
            None, all.
        progress_bar (bool): Show one. Defaults to True.

    Returns:
        list[ImageMaps]: One an image.

    Raises:
        FileNotFoundError: If a file is missing.
        TypeError: If the model's map is no product of attention and semantic
            map.
        ValueError: If the checkpoint does not fit, or ``num_images`` is below
            1.
    """
    if num_images is not None and num_images < 1:
        raise ValueError(f'num_images: expected at least 1, got {num_images}')
    model = check_model(get_model(config, pretrained=False))
    if not hasattr(model.head, 'semantic_map'):
        raise TypeError(
            'expected a head whose map is attention times semantic map, '
            f'as TSCAMHead and SCMHead, got {type(model.head).__name__}'
        )
    load_weights(model, checkpoint)
    model.eval()
    init_default_scope(config.get('default_scope', 'mmpretrain'))
    dataset = DATASETS.build(config.test_dataloader.dataset)
    count = len(dataset) if num_images is None else num_images
    chosen = np.linspace(0, len(dataset) - 1, min(count, len(dataset)))
    images = _look(model, dataset, chosen.astype(int).tolist())
    if progress_bar:
        images = track(images, 'Looking at maps', len(chosen))
    return list(images)


def describe_maps(
    images: Sequence[ImageMaps],
) -> dict[str, dict[str, float]]:
    """Describe what each of the maps does by itself.

    Args:
        images (Sequence[ImageMaps]): At least one.

    Returns:
        dict[str, dict[str, float]]: By map (:data:`MAPS`):
        ``gt_known`` in percent and ``mean_iou`` in [0, 1], of the box at the
        threshold that is best for each, ``threshold`` of the former;
        ``entropy`` in [0, 1], that of a flat map being 1; ``inside``, the
        share of the map's mass in the boxes, in [0, 1].
    """
    return {
        name: _summarize(
            [
                (
                    best_ious(maps[name], boxes, THRESHOLDS, frame_wh),
                    relative_entropy(maps[name]),
                    share_inside(maps[name], boxes, frame_wh),
                )
                for maps, boxes, frame_wh in images
            ]
        )
        for name in MAPS
    }


def _look(model: Any, dataset: Any, chosen: list[int]) -> Iterator[ImageMaps]:
    images = Subset(dataset, chosen)
    for data in DataLoader(images, _BATCH, collate_fn=default_collate):
        with torch.no_grad():
            data = model.data_preprocessor(data)
            samples = data['data_samples']
            labels = torch.cat([s.gt_label for s in samples]).unsqueeze(1)
            feats = model.extract_feat(data['inputs'])
            tokens = model.head.pre_logits(feats)
            semantic = model.head.semantic_map(tokens, labels)[:, 0]
            attention = model.head.attention_map(tokens)
            score = model.head.score_maps(feats, labels)[:, 0]
        for index, sample in enumerate(samples):
            frame_wh = tuple(sample.img_shape[1::-1])
            boxes = [item['bbox'] for item in sample.instances]
            boxes = scale_boxes(boxes, sample.ori_shape[1::-1], frame_wh)
            found = (attention[index], semantic[index], score[index])
            maps = dict(zip(MAPS, map(as_array, found), strict=True))
            yield ImageMaps(maps, boxes, frame_wh)


def _summarize(
    found: list[tuple[np.ndarray, float, float]],
) -> dict[str, float]:
    ious, entropies, inside = (
        np.array(column) for column in zip(*found, strict=True)
    )
    hits = (ious >= 0.5).mean(0) * 100
    return {
        'gt_known': round(float(hits.max()), 2),
        'threshold': float(THRESHOLDS[hits.argmax()]),
        'mean_iou': round(float(ious.mean(0).max()), 4),
        'entropy': round(float(entropies.mean()), 4),
        'inside': round(float(inside.mean()), 4),
    }
