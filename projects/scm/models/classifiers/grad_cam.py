# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Every method of the package grad-cam as a source of score maps."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from mmpretrain.models import ImageClassifier
from mmpretrain.registry import MODELS
from torch import Tensor, nn

from projects.scm.models.heads import ScoreMapHead


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
    ``map_topk`` of the head says of how many.

    Needs the optional package (``pip install scm-wsol[grad-cam]``).

    Args:
        cam (dict): ``method``, a class of ``pytorch_grad_cam`` such as
            ``'GradCAM'``, ``'LayerCAM'`` or ``'ScoreCAM'``;
            ``target_layers``, names of modules such as
            ``['backbone.layer4']``, whose outputs are feature maps
            (B, D, h, w) or tokens (B, N, D); further arguments of the class.
        **kwargs: As for ``ImageClassifier``; its head is any
            :class:`ScoreMapHead`.

    Raises:
        ImportError: If grad-cam is not installed.
        TypeError: If the head is none that makes boxes.
        ValueError: If the method or a layer does not exist.
    """

    def __init__(self, *args: Any, cam: dict, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not isinstance(self.head, ScoreMapHead):
            raise TypeError(
                'GradCAMClassifier needs a ScoreMapHead, such as CAMHead, '
                f'but its head is {type(self.head).__name__}'
            )
        options = dict(cam)
        self._method = _find_method(options.pop('method', None))
        self.target_layers = list(options.pop('target_layers', ()))
        self._options = options
        modules = dict(self.named_modules())
        missing = [n for n in self.target_layers if n not in modules]
        if missing or not self.target_layers:
            raise ValueError(
                'cam: target_layers must name modules of the model, such as '
                f'backbone.layer4, got {self.target_layers}, of which '
                f'{missing} do not exist'
            )
        # Whoever asks the head for maps is given these.
        self.head.score_maps = self._score_maps

    def extract_feat(self, inputs: Tensor, stage: str = 'neck') -> tuple:
        """As the parent; in evaluation the pictures are kept with it."""
        feats = super().extract_feat(inputs, stage)
        if self.training or not isinstance(feats, tuple):
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
        from pytorch_grad_cam.utils.model_targets import (
            ClassifierOutputTarget,
        )

        pictures = feats.pictures.detach()
        with torch.enable_grad(), self._explained(pictures) as cam:
            maps = [
                torch.from_numpy(
                    cam(
                        # Frozen models have gradients by way of these.
                        pictures.clone().requires_grad_(),
                        [ClassifierOutputTarget(int(c)) for c in wanted],
                    )
                )
                for wanted in labels.unbind(1)
            ]
        return torch.stack(maps, 1).to(labels.device)

    @contextmanager
    def _explained(self, pictures: Tensor) -> Iterator[Any]:
        """The method, set up on this model; gradients stay as they were."""
        modes = [(module, module.training) for module in self.modules()]
        gradients = [p.grad for p in self.parameters()]
        self.zero_grad(set_to_none=True)
        layers = [self.get_submodule(name) for name in self.target_layers]
        cam = self._method(
            model=self,
            target_layers=layers,
            reshape_transform=_Reshape(
                getattr(self.backbone, 'num_extra_tokens', 0),
                pictures.shape[2:],
            ),
            **self._options,
        )
        try:
            # Not `with cam`, which passes over errors of indexing.
            yield cam
        finally:
            cam.activations_and_grads.release()
            for parameter, gradient in zip(
                self.parameters(), gradients, strict=True
            ):
                parameter.grad = gradient
            for module, mode in modes:
                module.training = mode


class _Reshape:
    """Tokens as maps; maps as they are."""

    def __init__(self, extra_tokens: int, size: Sequence[int]) -> None:
        self.extra_tokens = extra_tokens
        self.size = tuple(size)

    def __call__(self, activation: Tensor) -> Tensor:
        """Give (B, D, h, w) of it or of (B, N, D)."""
        if activation.dim() != 3:
            return activation
        patch = activation[:, self.extra_tokens :]
        count, (height, width) = patch.size(1), self.size
        rows = max(round((count * height / width) ** 0.5), 1)
        if count % rows:
            raise ValueError(
                f'cam: {count} tokens of a picture of {self.size} (height, '
                'width) are no grid: name another layer in target_layers'
            )
        return patch.mT.unflatten(2, (rows, count // rows))


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
        if isinstance(value, type) and issubclass(value, BaseCAM)
    }
    if name not in methods:
        raise ValueError(
            f'cam: method must be one of {sorted(methods)}, got {name!r}'
        )
    return methods[name]
