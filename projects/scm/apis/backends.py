# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Other runtimes for the part of a model that costs time, the backbone.

The head stays in PyTorch, so every option of the inferencer works with each
of them. What is used has been compared with PyTorch in this process.
"""

import hashlib
import logging
import os
import tempfile
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from timeit import repeat
from typing import Any

import numpy as np
import torch
from mmengine.logging import print_log
from mmpretrain.models import ImageClassifier
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from projects.scm.version import __version__

TORCH, ONNXRUNTIME, OPENVINO, AUTO = 'torch', 'onnxruntime', 'openvino', 'auto'
BACKENDS = (TORCH, ONNXRUNTIME, OPENVINO, AUTO)
TOLERANCE = 1e-4
"""Largest deviation of logits and maps, as a share of the largest value."""
INT8_TOLERANCE = 0.5
"""With 8 bits, where a deviation is what was asked for; beyond this the graph
is broken."""

Extract = Callable[[Tensor], tuple]
"""From normalised pictures (B, 3, H, W) to what the head takes."""


def cache_folder() -> Path:
    """Where exported graphs are kept; ``TORCH_HOME`` moves it."""
    return Path(torch.hub.get_dir(), 'scm_wsol_graphs')


def check_backend(backend: str, int8: bool) -> None:
    """Refuse a backend that does not exist, or cannot do 8 bits.

    Raises:
        ValueError: Says what may be given.
    """
    if backend not in BACKENDS:
        raise ValueError(
            f'backend: expected one of {", ".join(BACKENDS)}, got {backend!r}'
        )
    if int8 and backend not in (ONNXRUNTIME, AUTO):
        raise ValueError(
            f'int8: expected backend {ONNXRUNTIME!r} or {AUTO!r}, got '
            f'{backend!r}'
        )


def choose_backend(
    model: ImageClassifier, backend: str, int8: bool, example: Tensor
) -> tuple[str, Extract]:
    """What extracts features, exported where it has to be, and compared.

    A backend that is missing, fails or deviates is told in one line, and
    PyTorch is used.

    Args:
        model (ImageClassifier): In evaluation mode.
        backend (str): One of :data:`BACKENDS`. ``'auto'`` is the fastest of
            those that are installed and PyTorch, timed on the example; on
            another device than the CPU it is PyTorch.
        int8 (bool): Weights and activations of products in 8 bits.
        example (Tensor): Normalised pictures (B, 3, H, W); batches of other
            H, W are left to PyTorch.

    Returns:
        tuple[str, Extract]: The backend that is used, and what it does.
    """
    check_backend(backend, int8)
    chosen: dict[str, Extract] = {TORCH: model.extract_feat}
    wanted = [] if backend == TORCH else [backend]
    if backend == AUTO:
        kinds = [ONNXRUNTIME] if int8 else [ONNXRUNTIME, OPENVINO]
        wanted = [kind for kind in kinds if find_spec(kind)]
    if example.device.type != 'cpu':
        if backend == AUTO:
            wanted = []
        elif wanted:
            raise ValueError(
                f'backend: {backend} runs on the CPU, but the model is on '
                f'{example.device}'
            )
    for kind in wanted:
        try:
            chosen[kind] = open_graph(model, kind, int8, example)
        except Exception as error:  # exporters and runtimes raise all kinds
            reason = ' '.join(str(error).split())[:300]
            print_log(
                f'backend {kind} is not used, but {TORCH}: '
                f'{type(error).__name__}: {reason}',
                'current',
                logging.WARNING,
            )
    if backend == AUTO and len(chosen) > 1:
        with torch.no_grad():
            seconds = {
                kind: min(
                    repeat(partial(extract, example), number=1, repeat=3)
                )
                for kind, extract in chosen.items()
            }
        used = min(seconds, key=seconds.get)
    else:
        used = list(chosen)[-1]
    return used, chosen[used]


def open_graph(
    model: ImageClassifier, kind: str, int8: bool, example: Tensor
) -> Extract:
    """Features by a runtime, from the cached graph if it is there and right.

    Raises:
        ModuleNotFoundError: If a package is missing.
        ValueError: If what it gives deviates from PyTorch.
    """
    if find_spec(kind) is None:
        raise ModuleNotFoundError(f'not installed: pip install {kind}')
    path = graph_path(model, int8, example)
    if path.exists():
        try:
            return _open_checked(model, kind, int8, example, path)
        except Exception as error:  # damaged, or of other code
            print_log(
                f'{path}: exported again ({type(error).__name__})', 'current'
            )
    else:
        print_log(f'exporting the model, once: {path}', 'current')
    export_features(model, int8, example, path)
    return _open_checked(model, kind, int8, example, path)


def graph_path(model: ImageClassifier, int8: bool, example: Tensor) -> Path:
    """The file of a graph: a digest of all that it depends on."""
    digest = hashlib.sha256()
    config = getattr(model, '_config', None)
    for part in (
        __version__,
        torch.__version__,
        int8,
        tuple(example.shape[1:]),
        None if config is None else dict(config.model),
    ):
        digest.update(repr(part).encode())
    for name, value in model.state_dict().items():
        if not name.startswith(('backbone.', 'neck.')):
            continue
        digest.update(f'{name} {value.dtype} {tuple(value.shape)}'.encode())
        flat = value.detach().contiguous().flatten()
        digest.update(flat.view(torch.uint8).numpy())
    suffix = '_int8' if int8 else ''
    return cache_folder() / f'{digest.hexdigest()[:32]}{suffix}.onnx'


def export_features(
    model: ImageClassifier, int8: bool, example: Tensor, path: Path
) -> None:
    """Write the ONNX graph of the backbone and the neck.

    Args:
        model (ImageClassifier): On the CPU.
        int8 (bool): Quantise dynamically: weights beforehand, activations
            while it runs.
        example (Tensor): Normalised pictures (B, 3, H, W).
        path (Path): Appears whole, or not at all.

    Raises:
        ModuleNotFoundError: If a package is missing.
    """
    from . import export_graph

    export_graph.require_onnx()
    graph = export_graph.FeatureGraph(model)
    names = [f'features_{i}' for i in range(len(graph(example)))]
    program = export_graph.make_program(graph, example.shape[:1:-1])
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        written = Path(folder, 'graph.onnx')
        export_graph.save_onnx(program, written, {}, names)
        if int8:
            written = _quantize(written, Path(folder, 'int8.onnx'))
        os.replace(written, path)


def _quantize(source: Path, target: Path) -> Path:
    from onnxruntime.quantization import quantize_dynamic

    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # it advises a step that changes nothing
    try:
        quantize_dynamic(
            source,
            target,
            op_types_to_quantize=['MatMul', 'Gemm'],
            per_channel=True,
            # Without VNNI, sums of two products of 8 bits saturate.
            reduce_range=True,
        )
    finally:
        root.setLevel(level)
    return target


@torch.no_grad()
def _open_checked(
    model: ImageClassifier, kind: str, int8: bool, example: Tensor, path: Path
) -> Extract:
    batch = torch.cat((example, example.flip(3)))
    expected = model.extract_feat(batch)
    extract = _Extractor(model, _OPENERS[kind](path), expected, batch)
    found = deviation(model, expected, extract(batch))
    tolerance = INT8_TOLERANCE if int8 else TOLERANCE
    if not found <= tolerance:
        raise ValueError(
            f'deviates from PyTorch by {found:.1e} of the largest value, more '
            f'than {tolerance:g}'
        )
    if int8:
        print_log(
            f'{kind}, int8: logits or maps deviate from PyTorch by up to '
            f'{found:.1%} of the largest value',
            'current',
        )
    return extract


def deviation(model: ImageClassifier, expected: tuple, found: tuple) -> float:
    """Of logits and best maps, as a share of the largest; NaN stays NaN."""
    head = model.head
    labels = head(expected).argmax(1, keepdim=True)
    shares = [
        (make(found) - make(expected)).abs().max() / make(expected).abs().max()
        for make in (head, lambda feats: head.score_maps(feats, labels))
    ]
    return torch.stack(shares).max().item()


class _Extractor:
    """Puts a runtime's arrays where the model's tensors would be."""

    def __init__(
        self,
        model: ImageClassifier,
        run: Callable[[np.ndarray], list[np.ndarray]],
        feats: tuple,
        batch: Tensor,
    ) -> None:
        self._torch = model.extract_feat
        self._run = run
        leaves, self._spec = tree_flatten(feats)
        # Sizes and the like stay, for pictures of one size.
        self._leaves = [
            None if isinstance(leaf, Tensor) else (leaf,) for leaf in leaves
        ]
        self._shape = batch.shape[1:]

    def __call__(self, inputs: Tensor) -> tuple:
        if inputs.shape[1:] != self._shape:
            return self._torch(inputs)
        arrays = iter(self._run(np.ascontiguousarray(inputs.numpy())))
        leaves = [
            torch.from_numpy(next(arrays)) if leaf is None else leaf[0]
            for leaf in self._leaves
        ]
        return tree_unflatten(leaves, self._spec)


def _open_onnxruntime(path: Path) -> Callable:
    from .export_graph import open_onnx

    return open_onnx(path, None, torch.get_num_threads())


def _open_openvino(path: Path) -> Callable:
    import openvino

    from .export_graph import INPUT

    options: dict[str, Any] = {
        'PERFORMANCE_HINT': 'LATENCY',
        'INFERENCE_NUM_THREADS': torch.get_num_threads(),
        'INFERENCE_PRECISION_HINT': 'f32',
    }
    compiled = openvino.Core().compile_model(str(path), 'CPU', options)

    def run(pixels: np.ndarray) -> list[np.ndarray]:
        found = compiled({INPUT: pixels})
        # The next call writes into the same memory.
        return [found[output].copy() for output in compiled.outputs]

    return run


_OPENERS = {ONNXRUNTIME: _open_onnxruntime, OPENVINO: _open_openvino}
