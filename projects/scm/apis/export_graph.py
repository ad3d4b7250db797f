# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The part of a model that localises, as one graph for other runtimes."""

import copy
import json
import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mmpretrain.models import ImageClassifier
from mmpretrain.structures import DataSample
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from projects.scm.models.backbones import (
    TSCAMDeiT3,
    TSCAMDistilledViT,
    TSCAMViT,
)
from projects.scm.models.heads import best_classes

INPUT = 'pixels'
OUTPUTS = ('logits', 'labels', 'score_maps')
METADATA = 'metadata.json'
ANY_SIZE = (TSCAMViT, TSCAMDistilledViT, TSCAMDeiT3)

Runner = Callable[[np.ndarray], Sequence[np.ndarray]]


class FeatureGraph(nn.Module):
    """From normalised pictures of one size to the tensors the head takes.

    Args:
        model (ImageClassifier): In evaluation mode.
    """

    any_size = False

    def __init__(self, model: ImageClassifier) -> None:
        super().__init__()
        self.backbone = model.backbone
        self.neck = model.neck if model.with_neck else nn.Identity()

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """The tensors of ``model.extract_feat``, in order."""
        leaves = tree_leaves(self.neck(self.backbone(pixels)))
        return tuple(leaf for leaf in leaves if isinstance(leaf, Tensor))


class LocalizationGraph(FeatureGraph):
    """From pixels to class scores and the score maps of the best classes.

    Normalisation is part of it, the calibration is not. The model that is
    handed in stays as it is.

    Args:
        model (ImageClassifier): With a ``ScoreMapHead``, on the CPU.
        topk (int): Best classes whose maps are given. Defaults to 5.
        any_size (bool): Interpolate the position embedding in the graph, so
            that any size that is a multiple of the patch size will do.
            Defaults to True.

    Raises:
        ValueError: If the backbone takes one size only.
    """

    def __init__(
        self, model: ImageClassifier, topk: int = 5, any_size: bool = True
    ) -> None:
        if any_size and not isinstance(model.backbone, ANY_SIZE):
            raise ValueError(
                f'{type(model.backbone).__name__} takes one size only: export '
                'it with a fixed size (--fixed-size)'
            )
        model = copy.deepcopy(model).eval()
        super().__init__(model)
        self.any_size = any_size
        self.head = model.head
        self.head.drop_training_parts()
        self.topk = min(topk, self.head.num_classes)
        preprocessor = model.data_preprocessor
        normalizes = preprocessor._enable_normalize
        # The model may have been trained on BGR; the graph takes RGB.
        self.flip = not preprocessor.to_rgb
        mean = preprocessor.mean if normalizes else torch.zeros(1)
        std = preprocessor.std if normalizes else torch.ones(1)
        self.register_buffer('mean', mean.reshape(1, -1, 1, 1))
        self.register_buffer('std', std.reshape(1, -1, 1, 1))
        if any_size:
            # Multiples of the patch size need none, and it would ask the
            # exporter for the exact size.
            self.backbone.patch_embed.adaptive_padding = None

    @property
    def patch_size(self) -> tuple[int, int]:
        """Height and width of a patch."""
        return tuple(self.backbone.patch_embed.projection.stride)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Localise.

        Args:
            pixels (Tensor): RGB, 0 to 255, float32 (B, 3, H, W).

        Returns:
            tuple[Tensor, Tensor, Tensor]: Logits (B, C); the best classes,
            best first, int64 (B, k); their raw score maps (B, k, h, w).
        """
        inputs = pixels.flip(1) if self.flip else pixels
        feats = self.neck(self._tokens((inputs - self.mean) / self.std))
        logits, maps = self.head.all_maps(feats)
        # By score, as predictions are; ONNX puts the first of equal ones
        # first, too.
        labels = logits.softmax(1).topk(self.topk).indices
        index = labels[..., None, None].expand(-1, -1, *maps.shape[2:])
        return logits, labels, maps.gather(1, index)

    def _tokens(self, inputs: Tensor) -> tuple:
        """What the backbone returns, without a branch on the size."""
        backbone = self.backbone
        if not self.any_size:
            return backbone(inputs)
        height, width = self.patch_size
        grid = (inputs.shape[2] // height, inputs.shape[3] // width)
        trained = backbone.patch_resolution
        position = backbone.pos_embed
        extra = position.size(1) - trained[0] * trained[1]
        patches = F.interpolate(
            position[:, extra:].unflatten(1, trained).permute(0, 3, 1, 2),
            size=grid,
            mode=backbone.interpolate_mode,
            align_corners=False,
        )
        position = torch.cat(
            (position[:, :extra], patches.flatten(2).transpose(1, 2)), 1
        )
        # The backbone finds an embedding that already has the right size.
        backbone.patch_resolution = grid
        try:
            return torch.func.functional_call(
                backbone, {'pos_embed': position}, (inputs,)
            )
        finally:
            backbone.patch_resolution = trained


def make_program(
    graph: FeatureGraph, size_wh: tuple[int, int]
) -> torch.export.ExportedProgram:
    """Capture a graph, with a free batch and, if it can, a free size.

    Args:
        graph (FeatureGraph): The graph.
        size_wh (tuple[int, int]): Size of inputs; with a free size, one that
            is a multiple of the patch size.

    Returns:
        torch.export.ExportedProgram: Takes ``pixels``.
    """
    width, height = size_wh
    shape = {0: torch.export.Dim('batch')}
    if graph.any_size:
        rows, columns = graph.patch_size
        shape[2] = rows * torch.export.Dim('rows', min=2)
        shape[3] = columns * torch.export.Dim('columns', min=2)
        # Different from each other and from the grid of the position
        # embedding, so that nothing is taken to be always equal.
        height, width = 5 * rows, 3 * columns
    example = torch.rand(2, 3, height, width) * 255
    with torch.no_grad():
        return torch.export.export(
            graph.eval(),
            (example,),
            dynamic_shapes={INPUT: shape},
            strict=False,
        )


def save_torch_export(
    program: torch.export.ExportedProgram,
    path: str | Path,
    metadata: dict[str, Any],
) -> None:
    """Write a program for ``torch.export.load`` (a file ``*.pt2``)."""
    files = {METADATA: json.dumps(metadata)}
    torch.export.save(program, str(path), extra_files=files)


def require_onnx() -> None:
    """Check that what ONNX export needs is installed.

    Raises:
        ModuleNotFoundError: If it is not; the message says what to do.
    """
    names = ('onnx', 'onnxscript', 'onnxruntime')
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        raise ModuleNotFoundError(
            f'{", ".join(missing)} not installed, which ONNX export needs: '
            f'pip install {" ".join(names)}'
        )


def save_onnx(
    program: torch.export.ExportedProgram,
    path: str | Path,
    metadata: dict[str, Any],
    outputs: Sequence[str] = OUTPUTS,
) -> None:
    """Write a program as one ONNX file, the metadata in it."""
    import onnx

    torch.onnx.export(
        program,
        (),
        str(path),
        input_names=[INPUT],
        output_names=list(outputs),
        external_data=False,
        verbose=False,
    )
    model = onnx.load(path)
    _name_axes(model.graph)
    onnx.helper.set_model_props(
        model, {key: json.dumps(value) for key, value in metadata.items()}
    )
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _name_axes(graph: Any) -> None:
    """Replace the exporter's names of free axes by words."""
    batch, _, height, width = graph.input[0].type.tensor_type.shape.dim
    words = {
        re.sub(r'^\d+\*', '', axis.dim_param): word
        for axis, word in (
            (batch, 'batch'),
            (height, 'rows'),
            (width, 'columns'),
        )
        if axis.dim_param
    }
    for value in (*graph.input, *graph.output, *graph.value_info):
        for axis in value.type.tensor_type.shape.dim:
            if axis.dim_param:
                axis.dim_param = re.sub(
                    r'\w+',
                    lambda match: words.get(match[0], match[0]),
                    axis.dim_param,
                )


def open_onnx(
    path: str | Path,
    outputs: Sequence[str] | None = OUTPUTS,
    num_threads: int = 0,
) -> Runner:
    """A function that runs an ONNX file with onnxruntime on the CPU.

    Args:
        path (str | Path): The file.
        outputs (Sequence[str], optional): What is asked for; None is all.
        num_threads (int): Defaults to 0, onnxruntime's choice.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads
    session = onnxruntime.InferenceSession(
        str(path), options, providers=['CPUExecutionProvider']
    )
    names = None if outputs is None else list(outputs)
    return lambda pixels: session.run(names, {INPUT: pixels})


def open_torch_export(path: str | Path) -> Runner:
    """A function that runs a file of :func:`save_torch_export`."""
    module = torch.export.load(str(path)).module()

    def run(pixels: np.ndarray) -> list[np.ndarray]:
        with torch.no_grad():
            return [out.numpy() for out in module(torch.from_numpy(pixels))]

    return run


@torch.no_grad()
def compare(
    model: ImageClassifier,
    run: Runner,
    batches: Iterable[np.ndarray],
    topk: int = 5,
) -> dict[str, float]:
    """Largest deviation of an exported graph from its model.

    The model goes its own way: its preprocessor, its head's prediction.

    Args:
        model (ImageClassifier): On the CPU.
        run (Runner): Of :func:`open_onnx` or :func:`open_torch_export`.
        batches (Iterable[np.ndarray]): RGB pixels, float32 (B, 3, H, W).
        topk (int): That of the graph. Defaults to 5.

    Returns:
        dict[str, float]: For ``logits`` and ``score_maps``: the largest
        absolute difference as a share of the largest absolute value.

    Raises:
        ValueError: If an output has another shape, or labels differ.
    """
    deviations = dict.fromkeys(('logits', 'score_maps'), 0.0)
    for pixels in batches:
        found = dict(zip(OUTPUTS, run(pixels), strict=True))
        expected = _expected(model, torch.from_numpy(pixels), topk)
        shapes = {key: value.shape for key, value in found.items()}
        if shapes != {key: value.shape for key, value in expected.items()}:
            raise ValueError(f'exported graph: odd shapes {shapes}')
        if (found['labels'] != expected['labels']).any():
            raise ValueError(
                'exported graph: its best classes are '
                f'{found["labels"].tolist()}, those of the model '
                f'{expected["labels"].tolist()}'
            )
        for key in deviations:
            difference = np.abs(found[key] - expected[key]).max()
            share = float(difference / np.abs(expected[key]).max())
            deviations[key] = max(deviations[key], share)
    return deviations


def _expected(
    model: ImageClassifier, pixels: Tensor, topk: int
) -> dict[str, np.ndarray]:
    inputs = pixels.flip(1)  # pipelines load BGR
    samples = [DataSample() for _ in inputs]
    data = model.data_preprocessor({'inputs': inputs, 'data_samples': samples})
    feats = model.extract_feat(data['inputs'])
    scores = model.head.class_scores(feats)
    model.head.localize(
        samples,
        scores,
        partial(model.head.score_maps, feats),
        labels=best_classes(scores)[:, :topk],
    )
    return dict(
        logits=model.head(feats).numpy(),
        labels=np.stack([s.score_map_labels.numpy() for s in samples]),
        score_maps=np.stack([s.score_maps.numpy() for s in samples]),
    )
