# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Boxes of photographs and videos from a detector of mmdet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmcv.transforms import LoadImageFromFile
from mmdet.apis import inference_detector
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from torch import nn

from projects.scm.apis.backends import TORCH
from projects.scm.apis.checkpoints import load_weights
from projects.scm.apis.loading import load_source
from projects.scm.apis.progress import with_progress_bar
from projects.scm.apis.reading_ahead import read_ahead
from projects.scm.apis.sources import (
    FoundInputs,
    OnError,
    Source,
    count_sources,
    iterate_sources,
)
from projects.scm.utils.config_options import read_config
from projects.scm.utils.workers import default_workers
from projects.scm.visualization import PRED_COLOR, draw_boxes, write_picture

DEFAULT_SCORE = 0.3
"""Lowest score of a box, where all boxes are asked for."""


class DetectorInferencer:
    """What ``WSOLInferencer`` is for score maps, for a detector.

    Args:
        config (str | PathLike | Config): Of the detector.
        checkpoint (str | PathLike): Its weights.
        device (str | torch.device, optional): Defaults to None: an
            accelerator if there is one.
        classes (Sequence[str], optional): Names of the classes. Defaults to
            None: those of the checkpoint, or else of the config.

    Attributes:
        classes (tuple[str, ...]): Names of the classes.

    Raises:
        ValueError: If the weights do not fit, or the names.
    """

    backend = TORCH

    def __init__(
        self,
        config: str | PathLike | Config,
        checkpoint: str | PathLike,
        device: str | torch.device | None = None,
        classes: Sequence[str] | None = None,
    ) -> None:
        if not isinstance(config, Config):
            config = read_config(config)
        self.model = _build(config, checkpoint, classes)
        self.model.to(device or get_device()).eval()
        known = tuple(self.model.dataset_meta['classes'])
        if classes is not None and len(classes) != len(known):
            raise ValueError(
                f'classes: expected {len(known)} names, one a class of the '
                f'detector, got {len(classes)}'
            )
        self.classes = known if classes is None else tuple(classes)

    def stream(
        self,
        inputs: FoundInputs,
        contours: str | None = None,
        threshold: float | None = None,
        upright: bool = True,
        frame_interval: int = 1,
        show_dir: str | PathLike | None = None,
        pixels: bool = False,
        on_error: OnError | None = None,
        num_workers: int | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Results one by one.

        Args:
            inputs (FoundInputs): Of ``expand_inputs``.
            contours (str, optional): ``'largest'``, the box of the highest
                score, or ``'all'``. Defaults to None, ``'largest'``.
            threshold (float, optional): Lowest score of a box, with
                ``'all'``. Defaults to None: :data:`DEFAULT_SCORE`.
            upright (bool): See ``WSOLInferencer``, as the rest. Defaults to
                True.
            frame_interval (int): Defaults to 1.
            show_dir (str | PathLike, optional): Defaults to None.
            pixels (bool): Defaults to False.
            on_error (Callable, optional): Defaults to None, which raises.
            num_workers (int, optional): Defaults to None.

        Returns:
            Iterator[dict]: As of ``WSOLInferencer``, without what is of
            maps; ``pred_label`` is the label of the best box.
        """
        loader = LoadImageFromFile(imdecode_backend='pillow')
        lowest = DEFAULT_SCORE if threshold is None else threshold

        def load(source: Source) -> tuple[Source, np.ndarray]:
            return source, load_source(source, loader, upright)['img']

        def run() -> Iterator[dict[str, Any]]:
            for source, image in read_ahead(
                partial(iterate_sources, inputs, frame_interval),
                load,
                on_error,
                num_workers or default_workers(),
            ):
                result = self._detect(image, contours == 'all', lowest)
                result.update(
                    name=source.name,
                    img_path=source.path,
                    file_name=source.file_name,
                )
                if pixels and source.image is not None:
                    result['image'] = source.image
                if source.frame is not None:
                    result['frame'] = source.frame
                if show_dir is not None:
                    file = Path(show_dir) / f'{source.name}.jpg'
                    write_picture(file, self._draw(image, result))
                yield result

        return with_progress_bar(run(), count_sources(inputs, frame_interval))

    def _detect(
        self, image: np.ndarray, all_boxes: bool, lowest: float
    ) -> dict[str, Any]:
        """Boxes of a picture, uint8 (H, W, 3), BGR; the best first."""
        found = inference_detector(self.model, image).pred_instances
        scores = found.scores.cpu().numpy()
        order = np.argsort(-scores, kind='stable')
        best = order[:1]
        chosen = order[scores[order] >= lowest] if all_boxes else best
        labels = found.labels.cpu().numpy()
        height, width = image.shape[:2]
        label = int(labels[best[0]]) if len(best) else 0
        return dict(
            width=width,
            height=height,
            pred_label=label,
            pred_score=float(scores[best[0]]) if len(best) else 0.0,
            pred_class=self.classes[label],
            bboxes=found.bboxes.cpu().numpy()[chosen].astype(np.float32),
            labels=labels[chosen],
            scores=scores[chosen].astype(np.float32),
        )

    def _draw(self, image: np.ndarray, result: dict[str, Any]) -> np.ndarray:
        """The picture with its boxes, RGB."""
        tags = [
            f'{self.classes[label]} {score:.2f}'
            for label, score in zip(
                result['labels'], result['scores'], strict=True
            )
        ]
        picture = np.ascontiguousarray(image[..., ::-1])
        return draw_boxes(picture, result['bboxes'], PRED_COLOR, tags)


def _build(
    config: Config, checkpoint: str | PathLike, classes: Sequence[str] | None
) -> nn.Module:
    """A detector as mmdet's inference takes it; its weights must fit."""
    init_default_scope('mmdet')
    model = revert_sync_batchnorm(MODELS.build(config.model))
    meta = load_weights(model, checkpoint)
    names = meta.get('dataset_meta') or config.test_dataloader.dataset.get(
        'metainfo', {}
    )
    names = {key.lower(): value for key, value in names.items()}
    if 'classes' not in names and classes is None:
        raise ValueError(
            f'{checkpoint}: names no classes, nor does the test set of the '
            'config; expected their names (--classes)'
        )
    model.cfg = config
    model.dataset_meta = {'classes': classes, **names}
    return model
