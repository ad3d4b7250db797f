# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What attention, semantic map and score map of a model do by themselves."""

from collections.abc import Iterator
from os import PathLike
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import default_collate
from mmengine.registry import init_default_scope
from mmpretrain.apis import get_model
from mmpretrain.registry import DATASETS
from rich.progress import track

from projects.scm.evaluation.functional.map_statistics import (
    best_ious,
    relative_entropy,
    share_inside,
)
from projects.scm.structures.boxes import scale_boxes

from .checkpoints import check_model, load_weights

__all__ = ['MAPS', 'describe_maps']

MAPS = ('attention', 'semantic', 'score')
THRESHOLDS = np.round(np.arange(0, 1, 0.02), 2)
_BATCH = 16


def describe_maps(
    config: Config,
    checkpoint: str | PathLike,
    num_images: int | None = None,
    progress_bar: bool = True,
) -> dict[str, dict[str, float]]:
    """Describe the maps of the true classes of test images.

    Args:
        config (Config): Of the model and its test set, which has boxes.
        checkpoint (str | PathLike): The trained model.
        num_images (int, optional): Evenly spread over the set. Defaults to
            None, all.
        progress_bar (bool): Show one. Defaults to True.

    Returns:
        dict[str, dict[str, float]]: By map (:data:`MAPS`):
        ``gt_known`` in percent and ``mean_iou`` in [0, 1], of the box at the
        threshold that is best for each, ``threshold`` of the former;
        ``entropy`` in [0, 1], that of a flat map being 1; ``inside``, the
        share of the map's mass in the boxes, in [0, 1].

    Raises:
        FileNotFoundError: If a file is missing.
        TypeError: If the model has no score maps.
        ValueError: If the checkpoint does not fit.
    """
    model = check_model(get_model(config, pretrained=False))
    load_weights(model, checkpoint)
    model.eval()
    init_default_scope(config.get('default_scope', 'mmpretrain'))
    dataset = DATASETS.build(config.test_dataloader.dataset)
    count = len(dataset) if num_images is None else num_images
    chosen = np.linspace(0, len(dataset) - 1, min(count, len(dataset)))
    rows: dict[str, list[tuple[np.ndarray, float, float]]] = {
        name: [] for name in MAPS
    }
    pictures = _maps_and_boxes(model, dataset, chosen.astype(int).tolist())
    if progress_bar:
        pictures = track(pictures, 'Looking at maps', len(chosen))
    for maps, boxes, frame_wh in pictures:
        for name, one in zip(MAPS, maps, strict=True):
            rows[name].append(
                (
                    best_ious(one, boxes, THRESHOLDS, frame_wh),
                    relative_entropy(one),
                    share_inside(one, boxes, frame_wh),
                )
            )
    return {name: _summarize(found) for name, found in rows.items()}


def _maps_and_boxes(
    model: Any, dataset: Any, chosen: list[int]
) -> Iterator[tuple[list[np.ndarray], np.ndarray, tuple[int, int]]]:
    for begin in range(0, len(chosen), _BATCH):
        data = default_collate(
            [dataset[index] for index in chosen[begin : begin + _BATCH]]
        )
        with torch.no_grad():
            data = model.data_preprocessor(data)
            samples = data['data_samples']
            labels = torch.cat([s.gt_label for s in samples]).unsqueeze(1)
            tokens = model.head.pre_logits(model.extract_feat(data['inputs']))
            semantic = model.head.semantic_map(tokens, labels)[:, 0]
            attention = model.head.attention_map(tokens)
        for index, sample in enumerate(samples):
            frame_wh = tuple(sample.img_shape[1::-1])
            boxes = [item['bbox'] for item in sample.instances]
            boxes = scale_boxes(boxes, sample.ori_shape[1::-1], frame_wh)
            a, s = attention[index].numpy(), semantic[index].numpy()
            yield [a, s, a * s], boxes, frame_wh


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
