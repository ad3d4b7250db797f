# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Semantic map, coupling with the attention map, loss and prediction."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from mmengine.structures import InstanceData
from mmpretrain.models.heads import ClsHead
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch import Tensor

from projects.scm.structures import TokenFeatures, score_map_to_boxes

from .semantic_convolution import SemanticConvolution


@MODELS.register_module()
class TSCAMHead(ClsHead):
    """Head of TS-CAM: 3x3 convolution, average pooling, coupled maps.

    With S the semantic map and F the class token's attention, summed over
    layers: logits are the spatial means of S, and the score map of class c
    is F ∘ S[c] (*TS-CAM*, ICCV 2021).

    Args:
        in_channels (int): Channels D of the patch tokens, ``embed_dims`` of
            the backbone.
        num_classes (int): Classes C.
        map_topk (int, optional): Best classes whose score maps are given with
            a prediction, beside that of the ground truth. None gives all.
            Defaults to 5, which every protocol gets by with.
        box_cfg (dict): How ``pred_instances`` are made of the score map of
            the predicted class, as for
            :func:`~projects.scm.structures.score_map_to_boxes`:
            ``threshold`` (share of the map's largest level), ``contours`` and
            ``interpolation``. Defaults to the threshold 0.1 (TS-CAM's for
            CUB), the largest contour, bilinear.
        **kwargs: ``loss``, ``topk``, ``cal_acc``, ``init_cfg`` of mmpretrain's
            ``ClsHead``.

    Raises:
        ValueError: If a number is not positive.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        map_topk: int | None = 5,
        box_cfg: dict | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        numbers = dict(in_channels=in_channels, num_classes=num_classes)
        if map_topk is not None:
            numbers['map_topk'] = map_topk
        for name, value in numbers.items():
            if value <= 0:
                raise ValueError(f'{name} must be positive, but got {value}')
        self.in_channels = in_channels
        self.num_classes = num_classes
        self.map_topk = map_topk
        self.box_cfg = dict(threshold=0.1)
        self.box_cfg.update(box_cfg or {})
        self.semantic = SemanticConvolution(in_channels, num_classes)

    def pre_logits(self, feats: tuple) -> TokenFeatures:
        """The token features of the last stage.

        Args:
            feats (tuple[TokenFeatures]): What the backbone returned.

        Returns:
            TokenFeatures: The last of them.

        Raises:
            TypeError: If the backbone gives something else.
            ValueError: If its channels are not ``in_channels``.
        """
        tokens = feats[-1]
        if not isinstance(tokens, TokenFeatures):
            raise TypeError(
                f'{type(self).__name__} needs TokenFeatures (patch tokens and '
                'class-token attention), but the backbone gave '
                f'{type(tokens).__name__}. Use one of the TSCAM backbones, or '
                'mix TokenAttentionMixin into yours'
            )
        channels = tokens.patch.size(1)
        if channels != self.in_channels:
            raise ValueError(
                f'the backbone gives {channels} channels, but the head was '
                f'built with in_channels={self.in_channels}: set '
                f'model.head.in_channels={channels} (embed_dims of '
                'model.backbone)'
            )
        return tokens

    def semantic_map(
        self, tokens: TokenFeatures, labels: Tensor | None = None
    ) -> Tensor:
        """Semantic map S, without any normalisation.

        Args:
            tokens (TokenFeatures): Of :meth:`pre_logits`.
            labels (Tensor, optional): The classes wanted, int64 (B, k), which
                cost much less than all. Defaults to None, all.

        Returns:
            Tensor: Shape (B, C, h, w), or (B, k, h, w).
        """
        if labels is None:
            return self.semantic(tokens.patch)
        return self.semantic.select(tokens.patch, labels)

    def attention_map(self, tokens: TokenFeatures) -> Tensor:
        """Attention map F, shape (B, h, w): sum over layers, in [0, K]."""
        return tokens.cls_attention.sum(1)

    def forward(self, feats: tuple) -> Tensor:
        """Logits, the spatial mean of the semantic map, shape (B, C)."""
        return self.semantic.pooled(self.pre_logits(feats).patch)

    def forward_maps(self, feats: tuple) -> tuple[Tensor, Tensor, Tensor]:
        """Logits and what score maps are made of, for all classes.

        Args:
            feats (tuple[TokenFeatures]): What the backbone returned.

        Returns:
            tuple[Tensor, Tensor, Tensor]: Logits (B, C), semantic map
            (B, C, h, w), attention map (B, h, w).
        """
        tokens = self.pre_logits(feats)
        semantic = self.semantic_map(tokens)
        return semantic.mean((2, 3)), semantic, self.attention_map(tokens)

    def predict(
        self,
        feats: tuple,
        data_samples: Sequence[DataSample | None] | None = None,
    ) -> list[DataSample]:
        """Predict classes, score maps and boxes.

        Args:
            feats (tuple[TokenFeatures]): What the backbone returned.
            data_samples (Sequence[DataSample], optional): Samples to fill;
                ``gt_label`` adds the ground truth's score map, ``ori_shape``
                and ``img_shape`` place the boxes. Defaults to None.

        Returns:
            list[DataSample]: With ``pred_score`` (C,), ``pred_label`` (1,),
            ``score_maps`` (K, h, w) float32, unnormalised,
            ``score_map_labels`` (K,): the best classes in order, then the
            ground truth if it is not among them, and ``pred_instances``:
            ``bboxes`` (n, 4) xyxy in pixels of the original image,
            ``scores`` and ``labels`` (n,) of the predicted class.
        """
        logits = self(feats)
        # Out of autocast: scores of 8 bits have ties, and NumPy, which reads
        # predictions later, has no bfloat16.
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        samples = self._get_predictions(logits, data_samples)
        self.fill_maps(samples, partial(self.score_maps, feats))
        return samples

    def score_maps(self, feats: tuple, labels: Tensor) -> Tensor:
        """Score maps F ∘ S of some classes.

        Args:
            feats (tuple[TokenFeatures]): What the backbone returned.
            labels (Tensor): The classes, int64 (B, k).

        Returns:
            Tensor: Raw maps, shape (B, k, h, w).
        """
        tokens = self.pre_logits(feats)
        semantic = self.semantic_map(tokens, labels)
        return semantic * self.attention_map(tokens).unsqueeze(1)

    def fill_maps(
        self,
        samples: Sequence[DataSample],
        score_maps: Callable[[Tensor], Tensor],
        map_topk: int | None = None,
    ) -> None:
        """Add score maps and boxes to samples that have class scores.

        Args:
            samples (Sequence[DataSample]): With ``pred_score`` and
                ``pred_label``; filled as :meth:`predict` says.
            score_maps (Callable): Gives the raw maps (B, k, h, w) of the
                classes (B, k), as :meth:`score_maps` does.
            map_topk (int, optional): Overrides ``self.map_topk``.
        """
        topk = map_topk or self.map_topk or self.num_classes
        scores = torch.stack([sample.pred_score for sample in samples])
        labels = scores.topk(min(topk, self.num_classes)).indices
        counts = [labels.size(1)] * len(samples)
        if all('gt_label' in sample for sample in samples):
            truth = torch.cat([sample.gt_label for sample in samples])
            truth = truth.to(labels).unsqueeze(1)
            missing = (labels != truth).all(1).tolist()
            counts = [
                count + more
                for count, more in zip(counts, missing, strict=True)
            ]
            labels = torch.cat([labels, truth], 1)
        maps = score_maps(labels).float()
        best = maps[:, 0].detach().cpu().numpy()
        for i, (sample, count) in enumerate(zip(samples, counts, strict=True)):
            # Copies: a pickle of a view holds the whole batch.
            sample.set_pred_score(sample.pred_score.clone())
            sample.set_field(maps[i, :count].clone(), 'score_maps')
            sample.set_field(labels[i, :count].clone(), 'score_map_labels')
            sample.set_field(self._boxes(sample, best[i]), 'pred_instances')

    def _boxes(
        self, sample: DataSample, score_map: np.ndarray
    ) -> InstanceData:
        """Boxes of the predicted class in pixels of the original image."""
        # Found in the frame of the model's input. A sample that came through
        # no pipeline has no frame, and no boxes.
        score = sample.pred_score.detach()[sample.pred_label]
        frame = sample.get('img_shape', None)
        if frame is None:
            bboxes = score.new_zeros((0, 4))
        else:
            height, width = sample.get('ori_shape', frame)[:2]
            bboxes = score.new_tensor(
                score_map_to_boxes(
                    score_map,
                    image_size_wh=(width, height),
                    frame_size_wh=(frame[1], frame[0]),
                    **self.box_cfg,
                )
            )
        return InstanceData(
            bboxes=bboxes.float(),
            scores=score.expand(len(bboxes)),
            labels=sample.pred_label.expand(len(bboxes)),
        )
