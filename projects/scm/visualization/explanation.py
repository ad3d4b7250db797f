# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""How a model came to its box: the maps in between, as panels."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from mmengine.dataset import Compose, pseudo_collate
from mmpretrain.models import ImageClassifier
from mmpretrain.registry import TRANSFORMS

from projects.scm.models.heads import ScoreMapHead, best_classes
from projects.scm.structures import Localization, as_array, scale_boxes
from projects.scm.structures.score_maps import (
    binarize_levels,
    normalize_score_map,
    quantize_score_map,
    resize_score_map,
)
from projects.scm.visualization.drawing import (
    GT_COLOR,
    PRED_COLOR,
    draw_boxes,
    draw_mask,
    overlay_heatmap,
    resize_to_height,
)
from projects.scm.visualization.panels import Panel, map_caption
from projects.scm.visualization.reading import read_picture


class Explanation(NamedTuple):
    """What a model saw in one picture; maps are float ``(h, w)``."""

    image: np.ndarray
    """uint8 (H, W, 3), RGB, the original picture."""
    label: int
    """Class that is explained."""
    pred_label: int
    pred_score: float
    """Softmax score of ``label``."""
    layer_attention: np.ndarray
    """(K, h, w): class-token attention of every layer, mean over heads."""
    attention: np.ndarray
    """Class-token attention as the head uses it, F⁰."""
    semantic: np.ndarray
    """Semantic map of the class, S⁰."""
    score_map: np.ndarray
    """Their product."""
    levels: np.ndarray
    """uint8: the score map at the size of the model's input."""
    threshold: float
    """Share of the largest level above which a pixel is foreground."""
    bboxes: np.ndarray
    """(n, 4), xyxy in pixels of the picture."""
    calibration: Sequence[tuple[np.ndarray, np.ndarray]]
    """Semantic and attention map after every calibration block."""


@torch.no_grad()
def explain(
    model: ImageClassifier,
    pipeline: Sequence[dict],
    img_path: str,
    label: int | None = None,
    threshold: float | None = None,
) -> Explanation:
    """Run a model on one picture and keep what leads to its box.

    Args:
        model (ImageClassifier): With a head that couples attention and
            semantic maps, such as ``TSCAMHead``.
        pipeline (Sequence[dict]): The test pipeline of its config.
        img_path (str): The picture.
        label (int, optional): Class to explain. Defaults to None: the
            predicted one.
        threshold (float, optional): Defaults to None: that of the head's
            ``box_cfg``.

    Returns:
        Explanation: Maps and boxes.

    Raises:
        TypeError: If the model's head has no score maps.
        ValueError: If there is no such class.
    """
    head = model.head
    if not hasattr(head, 'attention_map'):
        raise TypeError(
            'model.head: expected one with attention and semantic maps, such '
            f'as TSCAMHead, got {type(head).__name__}'
        )
    steps = Compose(
        [
            TRANSFORMS.build(step)
            for step in pipeline
            if step['type'] != 'LoadAnnotations'
        ]
    )
    data = steps({'img_path': img_path})
    batch = model.data_preprocessor(pseudo_collate([data]))
    feats = model.extract_feat(batch['inputs'])
    scores = head.class_scores(feats)
    pred_label = int(best_classes(scores)[0, 0])
    label = pred_label if label is None else label
    if not 0 <= label < scores.size(1):
        raise ValueError(
            f'label: expected 0 to {scores.size(1) - 1}, got {label}'
        )
    options = {} if threshold is None else {'threshold': threshold}
    (sample,) = head.localize(
        batch['data_samples'],
        scores,
        partial(head.score_maps, feats),
        labels=torch.full((1, 1), label, device=scores.device),
        input_hw=batch['inputs'].shape[2:],
        **options,
    )
    found = Localization.from_mapping(sample.to_dict())
    box_cfg = {**head.box_cfg, **options}
    score_map = as_array(found.map_of(label))
    resized = resize_score_map(
        score_map,
        found.frame_size_wh,
        box_cfg.get('interpolation', 'bilinear'),
    )
    _, semantic, attention = head.forward_maps(feats)
    return Explanation(
        image=read_picture(img_path, found.image_size_wh),
        label=label,
        pred_label=pred_label,
        pred_score=float(found.pred_score[label]),
        layer_attention=as_array(head.pre_logits(feats).cls_attention[0]),
        attention=as_array(attention[0]),
        semantic=as_array(semantic[0, label]),
        score_map=score_map,
        levels=quantize_score_map(normalize_score_map(resized)),
        threshold=box_cfg['threshold'],
        bboxes=as_array(found.bboxes),
        calibration=_trace(head, feats, semantic, attention, label),
    )


def main_panels(
    explanation: Explanation,
    name: str = 'image',
    class_name: str | None = None,
    gt_bboxes: Sequence[Sequence[float]] = (),
    height: int = 224,
) -> list[Panel]:
    """Picture, attention, semantic map, score map, mask and boxes.

    Args:
        explanation (Explanation): Of :func:`explain`.
        name (str): Caption of the picture. Defaults to ``'image'``.
        class_name (str, optional): Defaults to None: the number.
        gt_bboxes (Sequence): Annotated boxes, xyxy in pixels of the picture.
        height (int): Of the panels, in pixels. Defaults to 224.

    Returns:
        list[Panel]: Six panels.
    """
    this = explanation
    image = resize_to_height(this.image, height)
    size_wh, drawn_wh = this.image.shape[1::-1], image.shape[1::-1]
    mask = resize_score_map(
        binarize_levels(this.levels, this.threshold), drawn_wh
    )
    boxes = image
    for found, color in ((gt_bboxes, GT_COLOR), (this.bboxes, PRED_COLOR)):
        scaled = scale_boxes(found, size_wh, drawn_wh)
        boxes = draw_boxes(boxes, scaled, color)
    said = f'{class_name or this.label}, {this.pred_score:.2f}'
    if this.label != this.pred_label:
        said += ' (not the predicted class)'
    return [
        Panel(f'{name}\n{said}', image),
        _map_panel(image, 'class-token attention', this.attention),
        _map_panel(image, 'semantic map', this.semantic),
        _map_panel(image, 'score map', this.score_map),
        Panel(f'mask, τ {this.threshold:.3g}', draw_mask(image, mask > 0.5)),
        Panel('box', boxes),
    ]


def layer_panels(explanation: Explanation, height: int = 224) -> list[Panel]:
    """Class-token attention of every layer."""
    image = resize_to_height(explanation.image, height)
    return [
        _map_panel(image, f'attention, layer {index}', layer)
        for index, layer in enumerate(explanation.layer_attention, 1)
    ]


def calibration_panels(
    explanation: Explanation, height: int = 224
) -> list[Panel]:
    """Calibration step by step: a row of F⁰ … Fᴸ, then one of S⁰ … Sᴸ.

    Empty for a head without calibration. The calibration acts while
    training; prediction uses the maps before it.
    """
    if not explanation.calibration:
        return []
    steps = [
        (explanation.semantic, explanation.attention),
        *explanation.calibration,
    ]
    image = resize_to_height(explanation.image, height)
    rows = [('attention F', 1), ('semantic map S', 0)]
    return [
        _map_panel(image, f'{name}, {_after(index)}', step[part])
        for name, part in rows
        for index, step in enumerate(steps)
    ]


def _after(block: int) -> str:
    return f'after block {block}' if block else 'before'


def _map_panel(image: np.ndarray, name: str, score_map: np.ndarray) -> Panel:
    drawn = overlay_heatmap(image, score_map, opacity=0.75)
    return Panel(map_caption(name, score_map), drawn)


def _trace(
    head: ScoreMapHead,
    feats: tuple,
    semantic: torch.Tensor,
    attention: torch.Tensor,
    label: int,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Maps of one class after every calibration block, if there are any."""
    calibration = getattr(head, 'calibration', None)
    if calibration is None:
        return []
    features = None
    if head.similarity == 'embedding':
        features = head.pre_logits(feats).patch
    return [
        (as_array(after[0, label]), as_array(diffused[0]))
        for after, diffused in calibration.trace(semantic, attention, features)
    ]
