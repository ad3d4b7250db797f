# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Classes, score maps and boxes of any picture."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmcv.transforms import LoadAnnotations, LoadImageFromFile
from mmengine.config import Config
from mmengine.dataset import Compose, default_collate
from mmengine.device import get_device
from mmengine.model import BaseModel
from mmpretrain.apis import get_model
from mmpretrain.apis.base import BaseInferencer
from mmpretrain.registry import TRANSFORMS
from mmpretrain.structures import DataSample
from mmpretrain.visualization import UniversalVisualizer
from torch import Tensor

from projects.scm.datasets.transforms import check_test_transforms
from projects.scm.models.heads import best_classes
from projects.scm.structures import Localization, check_box_cfg
from projects.scm.utils.checks import check_positive
from projects.scm.utils.config_options import load_if_file
from projects.scm.utils.workers import default_workers
from projects.scm.visualization import write_picture

from .backends import AUTO, TORCH, check_backend, choose_backend
from .checkpoints import check_model, load_weights
from .choices import (
    PREDICTED,
    TOPK,
    resolve_target,
    resolve_threshold,
)
from .loading import load_source
from .pictures import draw_result
from .progress import with_progress_bar
from .reading_ahead import read_ahead
from .results import to_result
from .sources import (
    FoundInputs,
    OnError,
    Source,
    count_sources,
    expand_inputs,
    iterate_sources,
)


class WSOLInferencer(BaseInferencer):
    """Localises objects in pictures with a model trained on labels alone.

    Args:
        model (str | PathLike | Config | BaseModel): A config, its file, or a
            model that ``mmpretrain.get_model`` has built.
        pretrained (str | PathLike | bool): Checkpoint, file or URL, that
            must fit the model (the calibration may be missing). True takes
            the one that the config names in ``load_from``, False leaves
            random weights. Defaults to True.
        device (str | torch.device, optional): Defaults to None: an
            accelerator if there is one; a model that was handed in stays
            where it is.
        classes (Sequence[str], optional): Names of the classes. Defaults to
            None: those of the checkpoint, else of the config's dataset, if
            their number fits the head.
        backend (str): What runs the backbone: ``'torch'``, or on the CPU
            ``'onnxruntime'``, ``'openvino'`` or ``'auto'``, the fastest. The
            model is exported once, compared with PyTorch each time, and
            PyTorch is used where it deviates; see
            :mod:`projects.scm.apis.backends`. Defaults to ``'torch'``.
        int8 (bool): Run products with 8 bits, with onnxruntime; boxes may
            change. Defaults to False.
        **kwargs: Changes of the config's ``model``, as for ``get_model``.

    Raises:
        FileNotFoundError: If a file does not exist.
        TypeError: If the model has no score maps.
        ValueError: If there is no checkpoint, or it does not fit, or there
            is no such backend.

    Attributes:
        backend (str): The backend that is used.

    Examples:
        >>> from projects.scm.apis import WSOLInferencer
        >>> inferencer = WSOLInferencer(
        ...     'configs/scm_deit-s_cub.py', 'scm_deit-s_cub.pth')
        >>> result = inferencer('bird.jpg')[0]
        >>> name, boxes = result['pred_class'], result['bboxes']
        >>> boxes.shape  # x0, y0, x1, y1 in pixels of bird.jpg
        (1, 4)
        >>> results = inferencer(
        ...     'photos/', batch_size=8, show_dir='results/')
    """

    preprocess_kwargs = {
        'frame_interval',
        'upright',
        'on_error',
        'num_workers',
    }
    forward_kwargs = {
        'target',
        'topk',
        'threshold',
        'threshold_figure',
        'contours',
        'outlines',
    }
    visualize_kwargs = {'show', 'wait_time', 'show_dir'}
    postprocess_kwargs = {'score_maps', 'pixels'}

    def __init__(
        self,
        model: str | PathLike | Config | BaseModel,
        pretrained: str | PathLike | bool = True,
        device: str | torch.device | None = None,
        classes: Sequence[str] | None = None,
        backend: str = TORCH,
        int8: bool = False,
        **kwargs: Any,
    ) -> None:
        check_backend(backend, int8)
        if device is None and backend not in (TORCH, AUTO):
            device = 'cpu'
        if not isinstance(model, BaseModel):
            model = get_model(load_if_file(model), False, **kwargs)
            device = get_device() if device is None else device
            if pretrained is True:
                pretrained = _named_checkpoint(model)
        elif not hasattr(model, '_config'):
            raise ValueError(
                'model: has no config, so its test pipeline is not known; '
                'build it with mmpretrain.get_model, or give the config'
            )
        check_model(model)
        if not isinstance(pretrained, bool):
            meta = load_weights(model, pretrained)
            if 'dataset_meta' in meta:
                model._dataset_meta = meta['dataset_meta']
        if device is not None:
            model = model.to(device)
        super().__init__(model, pretrained=False)
        self.classes = self._find_classes(classes)
        self.backend, self._extract = TORCH, self.model.extract_feat
        if backend != TORCH:
            self.backend, self._extract = choose_backend(
                self.model, backend, int8, self._example()
            )

    def __call__(
        self,
        inputs: Any,
        return_datasamples: bool = False,
        batch_size: int = 1,
        progress_bar: bool = True,
        **kwargs: Any,
    ) -> list[dict | DataSample]:
        """Localise objects in all inputs.

        Args:
            inputs (str | PathLike | np.ndarray | Sequence): Files,
                addresses, folders, patterns, arrays (uint8, BGR), videos;
                see :func:`~projects.scm.apis.sources.expand_inputs`.
            return_datasamples (bool): Return data samples, on the CPU,
                instead of dicts. Defaults to False.
            batch_size (int): Pictures a forward. Defaults to 1.
            progress_bar (bool): Show MMPretrain's. Defaults to True.
            frame_interval (int): Of videos, take every n-th frame. Defaults
                to 1.
            num_workers (int): Threads that read pictures while the model
                works. Defaults to one a core, at most four.
            upright (bool): Turn pictures by their EXIF tag, as viewers do.
                False keeps the pixels as stored, as test runs of this
                project do. Defaults to True.
            target (str | int): The class to localise: ``'predicted'``,
                ``'topk'`` (the best ``topk`` classes), the name of a class,
                or its index. Defaults to ``'predicted'``.
            topk (int): For the target ``'topk'``. Defaults to 5.
            threshold (float | str | PathLike, optional): Share of the map's
                largest level above which a pixel belongs to the object;
                ``'otsu'``; or a JSON file that ``WSOLEvaluator`` has written
                with ``threshold_file``. Defaults to None: that of the head's
                ``box_cfg``.
            threshold_figure (str): The figure of that file whose threshold
                is used. Defaults to ``'scm/top1_loc'``.
            contours (str, optional): ``'largest'``, one box a map, or
                ``'all'``. Defaults to None: that of the head's ``box_cfg``.
            show (bool): Show pictures in a window. Defaults to False.
            wait_time (float): Seconds it stays; 0 is for ever. Defaults to
                0.
            show_dir (str | PathLike, optional): Folder where annotated
                pictures are written. Defaults to None.
            outlines (bool): Give the outlines of the objects, too, see
                :func:`~projects.scm.structures.score_map_to_outlines`.
                Defaults to False.
            score_maps (bool): Give maps at the size of the image. Defaults
                to True; without them, results of many large pictures take
                little memory.
            **kwargs: The arguments from ``frame_interval`` on.

        Returns:
            list[dict | DataSample]: One a picture. A dict has ``name``,
            ``img_path``, ``frame`` (of videos), ``width``, ``height``;
            ``pred_scores`` float32 (C,), ``pred_label``, ``pred_score``,
            ``pred_class`` (if names are known); ``bboxes`` float32 (n, 4),
            half-open ``x0, y0, x1, y1`` in pixels of the original picture,
            with ``labels`` int64 (n,) and ``scores`` float32 (n,), the
            softmax score of the label; ``score_maps`` float32 (K, height,
            width), each min-max scaled to [0, 1], of the classes
            ``score_map_labels`` int64 (K,); ``polygons`` with ``outlines``:
            of every box a list of ``[x, y, x, y, …]`` in pixels.

        Raises:
            FileNotFoundError: If an input does not exist.
            ValueError: If an input does not decode, or an argument is
                unknown or out of its range.
        """
        return list(
            self.stream(
                inputs, return_datasamples, batch_size, progress_bar, **kwargs
            )
        )

    def stream(
        self,
        inputs: Any,
        return_datasamples: bool = False,
        batch_size: int = 1,
        progress_bar: bool = True,
        **kwargs: Any,
    ) -> Iterator[dict | DataSample]:
        """Results one by one, for any number of pictures.

        Arguments are checked at once, pictures are read as results are
        asked for. For arguments and results see :meth:`__call__`.
        """
        preprocess, forward, visualize, postprocess = self._dispatch_kwargs(
            **kwargs
        )
        check_positive(
            batch_size=batch_size,
            frame_interval=preprocess.get('frame_interval', 1),
            num_workers=preprocess.get('num_workers', 1),
        )
        forward = self._resolve_choices(**forward)
        items = self._inputs_to_list(inputs)
        total = count_sources(items, preprocess.get('frame_interval', 1))

        def run() -> Iterator[dict | DataSample]:
            for sources, images, data in self.preprocess(
                items, batch_size, **preprocess
            ):
                samples = self.forward(data, **forward)
                drawn = self.visualize(
                    sources, samples, images=images, **visualize
                )
                yield from self.postprocess(
                    samples,
                    drawn,
                    return_datasamples,
                    sources=sources,
                    **postprocess,
                )

        return with_progress_bar(run(), total) if progress_bar else run()

    def preprocess(
        self,
        inputs: list,
        batch_size: int = 1,
        frame_interval: int = 1,
        upright: bool = True,
        on_error: OnError | None = None,
        num_workers: int | None = None,
    ) -> Iterator[tuple[list[Source], list[np.ndarray], dict]]:
        """Load pictures and make batches of inputs of one size.

        Pictures are read by ``num_workers`` threads, a few ahead.

        Yields:
            tuple[list[Source], list[np.ndarray], dict]: The pictures, their
            pixels (uint8, BGR), and the batch for the model.
        """

        def load(source: Source) -> tuple[Source, np.ndarray, dict]:
            results = load_source(source, self.loader, upright)
            image = results['img']
            data = self.pipeline(results)
            Localization.from_mapping(
                {
                    'scale_factor': (1, 1),  # if nothing resizes
                    **data['data_samples'].metainfo,
                    'img_path': source.name,
                }
            ).check_geometry()
            return source, image, data

        loaded = read_ahead(
            partial(iterate_sources, inputs, frame_interval),
            load,
            on_error,
            num_workers or default_workers(),
        )
        for chunk in self._get_chunk_data(loaded, batch_size):
            for _, group in groupby(chunk, lambda x: x[2]['inputs'].shape):
                sources, images, data = zip(*group, strict=True)
                yield list(sources), list(images), default_collate(data)

    @torch.no_grad()
    def forward(
        self,
        inputs: dict,
        target: str | int = 'predicted',
        topk: int = 1,
        outlines: bool = False,
        **box_options: Any,
    ) -> list[DataSample]:
        """Predict classes, maps of the target classes and their boxes.

        Args:
            inputs (dict): A batch of :meth:`preprocess`.
            target (str | int): ``'predicted'``, ``'topk'`` or an index.
            topk (int): How many of the best classes.
            outlines (bool): Add the field ``polygons``.
            **box_options: ``threshold`` and ``contours``, beside those of
                the head.

        Returns:
            list[DataSample]: As of ``head.predict``, on the CPU, but with
            maps and boxes of the target classes alone.
        """
        model = self.model
        batch = model.data_preprocessor(inputs, training=False)
        feats = self._extract(batch['inputs'])
        samples = batch['data_samples']
        scores = model.head.class_scores(feats)
        labels = best_classes(scores)[:, :topk]
        if isinstance(target, int):
            labels = torch.full_like(labels[:, :1], target)
        model.head.localize(
            samples,
            scores,
            partial(model.head.score_maps, feats),
            labels=labels,
            input_hw=batch['inputs'].shape[2:],
            **box_options,
        )
        samples = [sample.cpu() for sample in samples]
        if outlines:
            options = {**model.head.box_cfg, **box_options}
            for sample in samples:
                found = Localization.from_mapping(sample.to_dict())
                polygons = found.outlines(found.map_labels, **options)
                sample.set_field(polygons, 'polygons')
        return samples

    def visualize(
        self,
        inputs: list[Source],
        preds: list[DataSample],
        show: bool = False,
        wait_time: float = 0,
        show_dir: str | PathLike | None = None,
        images: Sequence[np.ndarray] = (),
    ) -> list[np.ndarray] | None:
        """Draw results, write and show them.

        Returns:
            list[np.ndarray] | None: What was drawn, uint8, RGB; None where
            it is neither shown nor written.
        """
        if not show and show_dir is None:
            return None
        drawn = [
            draw_result(
                np.ascontiguousarray(image[..., ::-1], np.uint8),
                sample,
                self.classes,
            )
            for image, sample in zip(images, preds, strict=True)
        ]
        for source, picture in zip(inputs, drawn, strict=True):
            if show_dir is not None:
                write_picture(Path(show_dir) / f'{source.name}.jpg', picture)
            if show:
                if self.visualizer is None:
                    self.visualizer = UniversalVisualizer()
                self.visualizer.show(picture, source.name, wait_time)
        return drawn

    def postprocess(
        self,
        preds: list[DataSample],
        visualization: list[np.ndarray] | None,
        return_datasamples: bool = False,
        score_maps: bool = True,
        pixels: bool = False,
        sources: Sequence[Source] = (),
    ) -> list[dict | DataSample]:
        """Turn data samples into the dicts that :meth:`__call__` tells of."""
        if return_datasamples:
            return preds
        return [
            to_result(source, sample, self.classes, score_maps, pixels)
            for source, sample in zip(sources, preds, strict=True)
        ]

    def _init_pipeline(self, cfg: Config) -> Callable:
        """The steps of the test pipeline after loading."""
        steps = [
            TRANSFORMS.build(step)
            for step in cfg.test_dataloader.dataset.pipeline
        ]
        check_test_transforms(steps)
        loaders = [s for s in steps if isinstance(s, LoadImageFromFile)]
        self.loader = (loaders or [LoadImageFromFile()])[0]
        apart = (LoadImageFromFile, LoadAnnotations)
        return Compose([s for s in steps if not isinstance(s, apart)])

    def _example(self) -> Tensor:
        """A random picture as the model gets it, (1, 3, H, W)."""
        generator = np.random.default_rng(0)
        picture = generator.integers(0, 256, (240, 320, 3), np.uint8)
        items = self._inputs_to_list(picture)
        _, _, data = next(self.preprocess(items, num_workers=1))
        return self.model.data_preprocessor(data)['inputs']

    def _inputs_to_list(self, inputs: Any) -> FoundInputs:
        return expand_inputs(inputs)

    def _find_classes(
        self, classes: Sequence[str] | None
    ) -> tuple[str, ...] | None:
        number = self.model.head.num_classes
        if classes is None:
            meta = getattr(self.model, '_dataset_meta', None) or {}
            classes = meta.get('classes')
            fits = classes is not None and len(classes) == number
            return tuple(classes) if fits else None
        if isinstance(classes, str) or len(classes) != number:
            raise ValueError(
                f'classes: expected {number} names, one a class of the head, '
                f'got {len(classes)}: {classes!r:.200}'
            )
        return tuple(classes)

    def _resolve_choices(
        self,
        target: str | int = PREDICTED,
        topk: int = 5,
        threshold: float | str | PathLike | None = None,
        threshold_figure: str = 'scm/top1_loc',
        contours: str | None = None,
        outlines: bool = False,
    ) -> dict[str, Any]:
        """Check what :meth:`forward` is asked for, and look names up."""
        check_positive(topk=topk)
        number = self.model.head.num_classes
        choices = dict(
            target=resolve_target(target, number, self.classes),
            topk=topk if target == TOPK else 1,
            outlines=outlines,
        )
        threshold = resolve_threshold(threshold, threshold_figure)
        if threshold is not None:
            choices['threshold'] = threshold
        if contours is not None:
            choices.update(check_box_cfg({'contours': contours}))
        return choices


def _named_checkpoint(model: BaseModel) -> str:
    """The checkpoint that a config or the model index names."""
    named = model._config.get('load_from')
    if named is None:
        named = getattr(model._metainfo, 'weights', None)
    if named is None:
        raise ValueError(
            'pretrained: the config names no checkpoint (load_from); give '
            'the path of one, or False for random weights'
        )
    return named
