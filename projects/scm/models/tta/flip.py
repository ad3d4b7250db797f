# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Test-time augmentation that knows score maps have a left and a right."""

from mmengine.model import BaseTTAModel
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch import nn

from projects.scm.models.heads import TSCAMHead


@MODELS.register_module()
class FlipTTA(BaseTTAModel):
    """Average the scores and the un-flipped score maps of flipped views.

    Args:
        module (dict | nn.Module): The model, with a :class:`TSCAMHead`.
        data_preprocessor (dict, optional): As for mmengine's
            ``BaseTTAModel``.

    Raises:
        TypeError: If the model's head is not a :class:`TSCAMHead`.
    """

    def __init__(
        self, module: dict | nn.Module, data_preprocessor: dict | None = None
    ) -> None:
        super().__init__(module, data_preprocessor)
        head = getattr(self.module, 'head', None)
        if not isinstance(head, TSCAMHead):
            raise TypeError(
                'FlipTTA averages score maps and needs a model '
                f'with a TSCAMHead, but its head is '
                f'{type(head).__name__}'
            )
        # Views may disagree on the best classes: average all, choose after.
        self._map_topk, head.map_topk = head.map_topk, None

    def merge_preds(
        self, data_samples_list: list[list[DataSample]]
    ) -> list[DataSample]:
        """Merge the views of every image.

        Args:
            data_samples_list (list[list[DataSample]]): Views of each image.

        Returns:
            list[DataSample]: One sample an image, in the frame of a view
            without flip.
        """
        return [self._merge(views) for views in data_samples_list]

    def _merge(self, views: list[DataSample]) -> DataSample:
        scores, maps = 0, 0
        for view in views:
            order = view.score_map_labels.argsort()
            view_maps = view.score_maps[order]
            if view.get('flip', False):
                if view.get('flip_direction') != 'horizontal':
                    raise ValueError(
                        'FlipTTA un-flips horizontal flips only, but '
                        f'{view.get("img_path")} has flip_direction='
                        f'{view.get("flip_direction")!r}'
                    )
                view_maps = view_maps.flip(-1)
            scores = scores + view.pred_score / len(views)
            maps = maps + view_maps / len(views)
        plain = next((v for v in views if not v.get('flip', False)), None)
        if plain is None:
            raise ValueError(
                'FlipTTA needs a view without flip among its '
                f'views of {views[0].get("img_path")}'
            )
        merged = plain.new()
        merged.set_pred_score(scores).set_pred_label(scores.argmax())
        self.module.head.fill_maps(
            [merged], lambda labels: maps[labels], self._map_topk
        )
        return merged
