# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Test-time augmentation that knows score maps have a left and a right."""

from typing import Any, NamedTuple, NoReturn

import torch
from mmengine.model import BaseTTAModel
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch import Tensor, nn

from projects.scm.models.heads import ScoreMapHead


class _View(NamedTuple):
    """A batch as seen in one way."""

    feats: tuple
    samples: list[DataSample]
    flipped: Tensor
    """bool (B,)."""
    input_hw: tuple[int, int]


@MODELS.register_module()
class FlipTTA(BaseTTAModel):
    """Average the scores and the un-flipped score maps of flipped views.

    Args:
        module (dict | nn.Module): The model, with a :class:`ScoreMapHead`.
        data_preprocessor (dict, optional): As for mmengine's
            ``BaseTTAModel``.

    Raises:
        TypeError: If the model's head is not a :class:`ScoreMapHead`.
    """

    def __init__(
        self, module: dict | nn.Module, data_preprocessor: dict | None = None
    ) -> None:
        super().__init__(module, data_preprocessor)
        head = getattr(self.module, 'head', None)
        if not isinstance(head, ScoreMapHead):
            raise TypeError(
                'FlipTTA averages score maps and needs a model with a '
                f'ScoreMapHead, but its head is {type(head).__name__}'
            )

    def test_step(self, data: dict[str, list]) -> list[DataSample]:
        """Predict from all views.

        Args:
            data (dict): ``inputs`` and ``data_samples``, each a list of
                batches, one a view.

        Returns:
            list[DataSample]: One sample an image, in the frame of a view
            without flip.

        Raises:
            ValueError: If a flip is not horizontal, or no view of an image is
                without flip.
        """
        views = [
            self._see(dict(zip(data, view, strict=True)))
            for view in zip(*data.values(), strict=True)
        ]
        head = self.module.head
        scores = [head.class_scores(view.feats) for view in views]

        # Views may disagree on the best classes: average all, choose after.
        def score_maps(labels: Tensor) -> Tensor:
            maps = []
            for view in views:
                found = head.score_maps(view.feats, labels)
                flipped = view.flipped[:, None, None, None].to(found.device)
                maps.append(torch.where(flipped, found.flip(-1), found))
            return torch.stack(maps).mean(0)

        plain = [
            _without_flip(of_image)
            for of_image in zip(*(view.samples for view in views), strict=True)
        ]
        return head.localize(
            plain,
            torch.stack(scores).mean(0),
            score_maps,
            input_hw=views[0].input_hw,
        )

    def merge_preds(self, data_samples_list: list) -> NoReturn:
        """Views are merged before they are predictions: see test_step."""
        raise NotImplementedError('FlipTTA merges in test_step')

    def _see(self, data: dict[str, Any]) -> _View:
        batch = self.module.data_preprocessor(data, False)
        samples = batch['data_samples']
        for sample in samples:
            if sample.get('flip') and (
                sample.get('flip_direction') != 'horizontal'
            ):
                raise ValueError(
                    'FlipTTA un-flips horizontal flips only, but '
                    f'{sample.get("img_path")} has flip_direction='
                    f'{sample.get("flip_direction")!r}'
                )
        flipped = [bool(sample.get('flip', False)) for sample in samples]
        feats = self.module.extract_feat(batch['inputs'])
        input_hw = tuple(batch['inputs'].shape[2:])
        return _View(feats, samples, torch.tensor(flipped), input_hw)


def _without_flip(views: tuple[DataSample, ...]) -> DataSample:
    for view in views:
        if not view.get('flip', False):
            return view
    raise ValueError(
        'FlipTTA needs a view without flip among its views of '
        f'{views[0].get("img_path")}'
    )
