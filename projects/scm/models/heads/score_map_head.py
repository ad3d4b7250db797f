# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""A classification head that says where: any source of score maps."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from mmengine.structures import InstanceData
from mmpretrain.models.heads import ClsHead
from mmpretrain.structures import DataSample
from torch import Tensor

from projects.scm.models.pretrained import FittingPretrainedInit
from projects.scm.structures import Localization, check_box_cfg
from projects.scm.utils.checks import check_flags, check_positive


def best_classes(scores: Tensor) -> Tensor:
    """Classes by score as :func:`~projects.scm.structures.rank_classes`.

    Args:
        scores (Tensor): Shape (B, C).

    Returns:
        Tensor: int64 (B, C), best first; of equal ones the lowest first.
    """
    return scores.sort(dim=1, descending=True, stable=True).indices


class ScoreMapHead(ClsHead):
    """Predicts classes, score maps and boxes from a source of score maps.

    A subclass gives the source: :meth:`forward`, logits (B, C), and
    :meth:`score_maps`, the raw maps of some classes. Prediction, boxes,
    test-time augmentation and export are then the same for all. Maps that
    are the same for every class are repeated, ``maps.expand(-1, k, -1, -1)``.

    Args:
        num_classes (int): Classes C.
        map_topk (int, optional): Best classes whose score maps are given with
            a prediction, beside that of the ground truth. None gives all.
            Defaults to 5, which every protocol gets by with.
        box_cfg (dict): How ``pred_instances`` are made of the score map of
            the predicted class, as for
            :func:`~projects.scm.structures.score_map_to_boxes`:
            ``threshold`` (share of the map's largest level, or ``'otsu'``),
            ``contours`` and ``interpolation``. Defaults to the threshold 0.1
            (TS-CAM's for CUB), the largest contour, bilinear.
        **kwargs: ``loss``, ``topk``, ``cal_acc``, ``init_cfg`` of mmpretrain's
            ``ClsHead``.

    Raises:
        ValueError: If a number is not positive, or ``box_cfg`` holds what
            there is not.
    """

    def __init__(
        self,
        num_classes: int,
        map_topk: int | None = 5,
        box_cfg: dict | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_flags(cal_acc=self.cal_acc)
        topk = self.topk
        for count in topk if isinstance(topk, Sequence) else [topk]:
            check_positive(topk=count)
        check_positive(num_classes=num_classes)
        if map_topk is not None:
            check_positive(map_topk=map_topk)
        self.num_classes = num_classes
        self.map_topk = map_topk
        self.box_cfg = check_box_cfg(box_cfg, threshold=0.1)

    def init_weights(self) -> None:
        """As the parent; a backbone's pretrained weights must have fitted.

        Raises:
            ValueError: If those of a stock backbone did not.
        """
        FittingPretrainedInit.check_model(self)
        super().init_weights()

    def forward(self, feats: tuple) -> Tensor:
        """Logits, shape (B, C).

        Args:
            feats (tuple): What the backbone returned.
        """
        raise NotImplementedError

    def score_maps(self, feats: tuple, labels: Tensor) -> Tensor:
        """Score maps of some classes.

        Args:
            feats (tuple): What the backbone returned.
            labels (Tensor): The classes, int64 (B, k).

        Returns:
            Tensor: Raw maps, shape (B, k, h, w).
        """
        raise NotImplementedError

    def all_maps(self, feats: tuple) -> tuple[Tensor, Tensor]:
        """Logits (B, C) and the maps of all classes (B, C, h, w).

        For export: a subclass leaves out operators here that not every
        runtime has.
        """
        logits = self(feats)
        every = torch.arange(self.num_classes, device=logits.device)
        return logits, self.score_maps(feats, every.expand(logits.size(0), -1))

    def drop_training_parts(self) -> None:
        """Forget what prediction does not use; for export. Here nothing."""

    def class_scores(self, feats: tuple) -> Tensor:
        """Softmax scores, shape (B, C), float32 or more.

        Out of autocast: scores of 8 bits have ties, and NumPy, which reads
        predictions later, has no bfloat16.
        """
        logits = self(feats)
        dtype = torch.promote_types(logits.dtype, torch.float32)
        return logits.to(dtype).softmax(1)

    def predict(
        self,
        feats: tuple,
        data_samples: Sequence[DataSample | None] | None = None,
    ) -> list[DataSample]:
        """Predict classes, score maps and boxes.

        Args:
            feats (tuple): What the backbone returned.
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

        Raises:
            ValueError: If scores or maps are not finite, or boxes could not
                be placed in the original picture.
        """
        scores = self.class_scores(feats)
        if data_samples is None:
            data_samples = [None] * len(scores)
        samples = [
            DataSample() if sample is None else sample
            for sample in data_samples
        ]
        return self.localize(
            samples,
            scores,
            partial(self.score_maps, feats),
            input_hw=getattr(feats[-1], 'input_hw', None),
        )

    def localize(
        self,
        samples: Sequence[DataSample],
        scores: Tensor,
        score_maps: Callable[[Tensor], Tensor],
        *,
        labels: Tensor | None = None,
        input_hw: Sequence[int] | None = None,
        **box_options: Any,
    ) -> list[DataSample]:
        """Fill samples from class scores and a source of score maps.

        Args:
            samples (Sequence[DataSample]): Filled as :meth:`predict` says.
            scores (Tensor): Of the classes, shape (B, C), on their device.
            score_maps (Callable): Gives the raw maps (B, k, h, w) of the
                classes (B, k), as :meth:`score_maps` does.
            labels (Tensor, optional): The classes whose maps and boxes are
                wanted, int64 (B, k). Defaults to None: maps of the best
                ``map_topk`` classes and the ground truth, boxes of the best.
            input_hw (Sequence[int], optional): Height and width of what the
                backbone was given. Defaults to None, not known.
            **box_options: Override ``box_cfg``.

        Returns:
            list[DataSample]: The same samples.

        Raises:
            ValueError: See :meth:`predict`.
        """
        ranked = best_classes(scores)
        every = labels is not None
        counts = [labels.size(1)] * len(samples) if every else None
        if not every:
            labels, counts = self._wanted(ranked, samples)
        maps = score_maps(labels).float()
        box_cfg = {**self.box_cfg, **box_options}
        on_cpu = [t.detach().cpu() for t in (scores, maps, labels)]
        shapes = [s.get('img_shape', None) for s in samples]
        if input_hw is None and None not in shapes:
            # Pictures of several sizes only make a batch by padding.
            input_hw = tuple(max(side) for side in zip(*shapes, strict=True))
        for i, sample in enumerate(samples):
            score, own_maps, own_labels = (t[i] for t in on_cpu)
            count = counts[i]
            found = Localization.from_mapping(
                {
                    **sample.metainfo,
                    'pred_score': score,
                    'score_maps': own_maps[:count],
                    'score_map_labels': own_labels[:count],
                }
            )
            found.check_geometry(input_hw)
            found = found.with_boxes(
                own_labels[:count].tolist() if every else None, **box_cfg
            )
            # Copies: a pickle of a view holds the whole batch.
            sample.set_pred_score(scores[i].clone())
            sample.set_pred_label(ranked[i, :1].clone())
            sample.set_field(maps[i, :count].clone(), 'score_maps')
            sample.set_field(labels[i, :count].clone(), 'score_map_labels')
            boxes = InstanceData(
                bboxes=torch.from_numpy(found.bboxes).float(),
                scores=torch.from_numpy(found.box_scores),
                labels=torch.from_numpy(found.box_labels),
            )
            sample.set_field(boxes.to(scores.device), 'pred_instances')
        return list(samples)

    def _wanted(
        self, ranked: Tensor, samples: Sequence[DataSample]
    ) -> tuple[Tensor, list[int]]:
        """Best classes and the truth (B, k), and how many count of each."""
        labels = ranked[:, : self.map_topk]
        counts = [labels.size(1)] * len(samples)
        if not all('gt_label' in sample for sample in samples):
            return labels, counts
        truth = torch.cat([sample.gt_label for sample in samples])
        truth = truth.to(labels).unsqueeze(1)
        missing = (labels != truth).all(1).tolist()
        counts = [n + more for n, more in zip(counts, missing, strict=True)]
        return torch.cat([labels, truth], 1), counts
