# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Draws one localization result: boxes and heat map beside the picture."""

from typing import Any

import mmcv
import numpy as np
from mmengine.dist import master_only
from mmpretrain.registry import VISUALIZERS
from mmpretrain.structures import DataSample
from mmpretrain.visualization import UniversalVisualizer

from projects.scm.structures import Localization, as_array, scale_boxes
from projects.scm.utils.checks import check_numbers, check_positive
from projects.scm.visualization.drawing import (
    GT_COLOR,
    PRED_COLOR,
    draw_boxes,
    draw_tags,
    overlay_heatmap,
    resize_to_height,
)
from projects.scm.visualization.panels import (
    Panel,
    class_caption,
    tile_panels,
)


@VISUALIZERS.register_module()
class WSOLVisualizer(UniversalVisualizer):
    """Visualizer of weakly supervised object localization.

    Besides what :class:`mmpretrain.visualization.UniversalVisualizer` draws,
    :meth:`add_datasample` draws two panels: the picture with the annotated
    boxes (sky blue) and the predicted ones (orange), and the same over the
    heat map of the predicted class.

    Args:
        opacity (float): Of the heat map, 0 to 1. Defaults to 0.5.
        panel_height (int): Height of a panel in pixels; pictures are resized
            to it, so that boxes and tags are readable on small inputs too.
            Defaults to 384.
        name (str): Name of the instance. Defaults to ``'visualizer'``.
        **kwargs: As of the parent: ``vis_backends``, ``save_dir``…
    """

    def __init__(
        self,
        opacity: float = 0.5,
        panel_height: int = 384,
        name: str = 'visualizer',
        **kwargs: Any,
    ) -> None:
        check_numbers('[0, 1]', opacity=opacity)
        check_positive(panel_height=panel_height)
        super().__init__(name=name, **kwargs)
        self.opacity = opacity
        self.panel_height = panel_height

    @master_only
    def add_datasample(
        self,
        name: str,
        image: np.ndarray,
        data_sample: DataSample | None = None,
        draw_gt: bool = True,
        draw_pred: bool = True,
        show: bool = False,
        wait_time: float = 0,
        out_file: str | None = None,
        step: int = 0,
    ) -> np.ndarray:
        """Draw one result; the data sample is not changed.

        Args:
            name (str): Identifier of the picture in the backends, title of
                the window.
            image (np.ndarray): uint8 ``(H, W, 3)``, **RGB**: the original
                picture, or that picture resized as a whole, to any size.
            data_sample (DataSample, optional): May hold ``instances`` (the
                annotation, boxes in pixels of ``ori_shape``),
                ``pred_instances`` (same frame), ``score_maps`` with
                ``score_map_labels``, ``gt_label`` and ``pred_score``; what is
                absent is not drawn.
            draw_gt (bool): Draw the annotation. Defaults to True.
            draw_pred (bool): Draw the prediction. Defaults to True.
            show (bool): Show the result in a window. Defaults to False.
            wait_time (float): Seconds the window stays; 0 is for ever.
                Defaults to 0.
            out_file (str, optional): Where the result is written instead of
                the backends. Defaults to None.
            step (int): Step recorded in the backends. Defaults to 0.

        Returns:
            np.ndarray: What was drawn, uint8 ``(H', W', 3)``, RGB.

        Raises:
            ValueError: If the picture is no uint8 RGB array or the maps kept
                do not include the predicted class.
        """
        data_sample = DataSample() if data_sample is None else data_sample
        canvas = resize_to_height(image, self.panel_height)
        ori_shape = data_sample.get('ori_shape', image.shape[:2])

        captions, layers = [], []
        if draw_gt:
            if 'gt_label' in data_sample:
                names = map(self._class_name, data_sample.gt_label.tolist())
                captions.append(f'ground truth: {", ".join(names)}')
            layers += _layer_gt(data_sample)
        heat = None
        if draw_pred:
            found = Localization.from_mapping(data_sample.to_dict())
            layers += _layer_pred(found)
            if found.pred_score is not None:
                label = found.pred_label
                score = float(found.pred_score[label])
                name_of = self._class_name(label)
                captions.append(f'predicted: {name_of}, {score:.2f}')
                if found.score_maps is not None:
                    score_map = as_array(found.map_of(label))
                    heat = overlay_heatmap(canvas, score_map, self.opacity)

        panels = [Panel('\n'.join(captions), canvas)]
        if heat is not None:
            panels.append(Panel('score map of the predicted class', heat))
        drawn = tile_panels(
            [
                Panel(caption, _draw_layers(picture, layers, ori_shape))
                for caption, picture in panels
            ],
            height=self.panel_height,
        )

        self.set_image(drawn)
        if show:
            self.show(drawn, win_name=name, wait_time=wait_time)
        if out_file is not None:
            mmcv.imwrite(drawn[..., ::-1], out_file)
        else:
            self.add_image(name, drawn, step=step)
        return drawn

    def _class_name(self, label: int) -> str:
        return class_caption(label, (self.dataset_meta or {}).get('classes'))


def _layer_gt(data_sample: DataSample) -> list[tuple]:
    """Annotated boxes with their colour, tags and the place of the tags."""
    instances = data_sample.get('instances') or []
    boxes = [instance['bbox'] for instance in instances]
    tags = [
        'ignored' if instance.get('ignore_flag') else 'ground truth'
        for instance in instances
    ]
    return [(boxes, GT_COLOR, tags, False)]


def _layer_pred(found: Localization) -> list[tuple]:
    """Predicted boxes with their colour, tags and the place of the tags."""
    if found.bboxes is None:
        return []
    boxes = as_array(found.bboxes)
    return [(boxes, PRED_COLOR, ['predicted'] * len(boxes), True)]


def _draw_layers(
    picture: np.ndarray, layers: list[tuple], ori_shape: tuple[int, int]
) -> np.ndarray:
    """Draw boxes, given in pixels of ``ori_shape``, on a resized picture."""
    height, width = picture.shape[:2]
    placed = [
        (scale_boxes(boxes, ori_shape[1::-1], (width, height)), *rest)
        for boxes, *rest in layers
    ]
    for boxes, color, _, _ in placed:
        picture = draw_boxes(picture, boxes, color)
    for boxes, color, tags, below in placed:
        picture = draw_tags(picture, boxes, color, tags, below)
    return picture
