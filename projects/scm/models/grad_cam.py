# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Every method of the package grad-cam as a source of score maps."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import RLock
from typing import Any

import numpy as np
import torch
from mmpretrain.models import ImageClassifier
from mmpretrain.registry import MODELS
from torch import Tensor, nn

from .heads import ScoreMapHead

#: The package hooks into the model, so that others must wait.
_ONE_AT_A_TIME = RLock()


class _Features(tuple):
    """What the backbone returned, with the pictures it was given."""

    pictures: Tensor


@MODELS.register_module()
class GradCAMClassifier(ImageClassifier):
    """A classifier whose score maps are made by the package grad-cam.

    The model, its loss and its weights are those of ``ImageClassifier`` with
    the same backbone and head, so a checkpoint of one serves the other. The
    maps have the size of the input, are at least 0 and scaled to [0, 1] by
    the package. Each class of each picture costs what the method costs:
    ``map_topk`` of the head says of how many. Threads wait for each other.

    Needs the optional package (``pip install scm-wsol[grad-cam]``).

    Args:
        cam (dict): ``method``, a class of ``pytorch_grad_cam`` such as
            ``'GradCAM'``, ``'LayerCAM'`` or ``'ScoreCAM'``;
            ``target_layers``, names of modules such as
            ``['backbone.layer4']``, whose outputs are feature maps
            (B, D, h, w) or tokens (B, N, D), none for ``'FullGrad'``, which
            looks at all convolutions; further arguments of the class, of
            which ``base_method`` is another name.
        **kwargs: As for ``ImageClassifier``; its head is any
            :class:`ScoreMapHead`.

    Raises:
        ImportError: If grad-cam is not installed.
        TypeError: If the head is none that makes boxes.
        ValueError: If the method or a layer does not exist, or the method
            is not for such a backbone.
    """

    def __init__(self, *args: Any, cam: dict, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not isinstance(self.head, ScoreMapHead):
            raise TypeError(
                'GradCAMClassifier needs a ScoreMapHead, such as CAMHead, '
                f'but its head is {type(self.head).__name__}'
            )
        if not isinstance(cam, Mapping):
            raise ValueError(
                "cam: expected a dict, such as dict(method='GradCAM', "
                f"target_layers=['backbone.layer4']), got {cam!r}"
            )
        options = dict(cam)
        self._method = _find_method(options.pop('method', None))
        layers = options.pop('target_layers', ())
        if isinstance(layers, str) or not isinstance(layers, Sequence):
            layers = [layers]
        self.target_layers = list(layers)
        if 'base_method' in options:
            options['base_method'] = _find_method(options['base_method'])
        name = self._method.__name__
        unknown = options.keys() - inspect.signature(self._method).parameters
        if unknown:
            raise ValueError(
                f'cam: {name} takes no {sorted(map(str, unknown))}'
            )
        of_tokens = hasattr(self.backbone, 'num_extra_tokens')
        if of_tokens and name in ('FullGrad', 'ShapleyCAM'):
            raise ValueError(
                f'cam: {name} takes feature maps of convolutions, but '
                f'{type(self.backbone).__name__} gives tokens: choose another '
                'method'
            )
        if of_tokens and name == 'AblationCAM':
            from pytorch_grad_cam.ablation_layer import AblationLayerVit

            options.setdefault('ablation_layer', AblationLayerVit())
        self._options = options
        self._input_hw = (1, 1)
        modules = dict(self.named_modules())
        missing = [n for n in self.target_layers if n not in modules]
        if name == 'FullGrad':
            self.target_layers = []
        elif missing or not self.target_layers:
            raise ValueError(
                'cam: target_layers must name modules of the model, such as '
                f'backbone.layer4, got {self.target_layers}, of which '
                f'{missing} do not exist'
            )
        # Whoever asks the head for maps is given these.
        self.head.score_maps = self._score_maps

    def extract_feat(self, inputs: Tensor, stage: str = 'neck') -> tuple:
        """As the parent; in evaluation the pictures are kept with it."""
        if self.training:
            return super().extract_feat(inputs, stage)
        with _ONE_AT_A_TIME:
            # Some methods give the model parts of pictures.
            self._input_hw = tuple(inputs.shape[2:])
            feats = super().extract_feat(inputs, stage)
        if not isinstance(feats, tuple):
            return feats
        kept = _Features(feats)
        kept.pictures = inputs
        return kept

    def _score_maps(self, feats: tuple, labels: Tensor) -> Tensor:
        """Maps of some classes, shape (B, k, H, W)."""
        if not isinstance(feats, _Features):
            raise ValueError(
                "grad-cam's maps need pictures: features must come from "
                'extract_feat of this model in evaluation mode'
            )
        # Frozen models have gradients by way of these.
        pictures = feats.pictures.detach().clone().requires_grad_()
        with _ONE_AT_A_TIME, torch.enable_grad(), self._explained() as cam:
            maps = [
                torch.from_numpy(_explain(cam, pictures, wanted.tolist()))
                for wanted in labels.unbind(1)
            ]
        return torch.stack(maps, 1).to(labels.device)

    @contextmanager
    def _explained(self) -> Iterator[Any]:
        """The method, set up on this model, which stays as it was."""
        modes = [(module, module.training) for module in self.modules()]
        gradients = [(p, p.grad) for p in self.parameters()]
        self.zero_grad(set_to_none=True)
        layers = [self.get_submodule(name) for name in self.target_layers]
        cam = self._method(
            model=self,
            target_layers=layers,
            reshape_transform=self._as_maps,
            **self._options,
        )
        try:
            # Not `with cam`, which passes over errors of indexing.
            yield cam
        finally:
            for base in getattr(cam, 'base_cam_per_layer', [cam]):
                kept = getattr(base, 'base_cam', base).activations_and_grads
                # It would detach them, which views do not allow.
                kept.activations, kept.gradients = [], []
                kept.release()
            for name, layer in zip(self.target_layers, layers, strict=True):
                # Ablation puts another one there, and back if all goes well.
                parent, _, leaf = name.rpartition('.')
                setattr(self.get_submodule(parent), leaf, layer)
            for parameter, gradient in gradients:
                parameter.grad = gradient
            for module, mode in modes:
                module.training = mode

    def _as_maps(self, activation: Tensor) -> Tensor:
        """Give (B, D, h, w) of it or of (B, N, D)."""
        if activation.dim() != 3:
            return activation
        patch = activation[:, getattr(self.backbone, 'num_extra_tokens', 0) :]
        count, (height, width) = patch.size(1), self._input_hw
        rows = max(round((count * height / width) ** 0.5), 1)
        if count % rows:
            raise ValueError(
                f'cam: {count} tokens of a picture of {self._input_hw} '
                '(height, width) are no grid: name another layer in '
                'target_layers'
            )
        return patch.mT.unflatten(2, (rows, count // rows))


def _explain(cam: Any, pictures: Tensor, labels: list[int]) -> np.ndarray:
    """Maps of one class a picture, float (B, H, W)."""
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    if 'target_idx' in inspect.signature(cam.forward).parameters:
        # FinerCAM compares with the classes of scores like this one's.
        return np.concatenate(
            [
                cam(picture[None], target_idx=label)
                for picture, label in zip(pictures, labels, strict=True)
            ]
        )
    pictures.grad = None
    return cam(pictures, [ClassifierOutputTarget(label) for label in labels])


def _find_method(name: Any) -> type[nn.Module]:
    try:
        import pytorch_grad_cam
        from pytorch_grad_cam.base_cam import BaseCAM
    except ImportError as error:
        raise ImportError(
            'GradCAMClassifier needs the package grad-cam: pip install '
            f'grad-cam ({error})'
        ) from error
    methods = {
        key: value
        for key, value in vars(pytorch_grad_cam).items()
        if isinstance(value, type)
        and (
            issubclass(value, BaseCAM)
            or 'base_method' in inspect.signature(value).parameters
        )
    }
    if name not in methods:
        raise ValueError(
            f'cam: method must be one of {sorted(methods)}, got {name!r}'
        )
    return methods[name]
