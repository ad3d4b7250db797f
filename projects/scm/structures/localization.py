# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""What a model says of one image: the contract of heads and all consumers.

Nothing here needs torch. Arrays and tensors are held as they come, and looked
at as NumPy arrays.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from .score_maps import score_map_to_boxes, score_map_to_outlines

NAMELESS = 'an image without img_path'


def as_array(value: Any) -> np.ndarray:
    """See an array, a tensor of any device, or a sequence as NumPy does."""
    if hasattr(value, 'detach'):
        value = value.detach().cpu()
        if str(value.dtype) == 'torch.bfloat16':  # unknown to NumPy
            value = value.float()
        return value.numpy()
    return np.asarray(value)


def rank_classes(pred_score: Any) -> np.ndarray:
    """Classes by score, best first; of equal ones the lowest index first.

    Args:
        pred_score (Any): (C,) scores, an array or a tensor.

    Returns:
        np.ndarray: (C,) int64.
    """
    return np.argsort(-as_array(pred_score), kind='stable')


@dataclass(frozen=True, eq=False)
class Localization:
    """Class scores, score maps and boxes of one image, checked.

    Attributes:
        name: What the image is called in messages.
        pred_score: (C,) score of every class, larger is better; None where
            nothing was classified.
        score_maps: (K, h, w) raw maps of any range, or None.
        score_map_labels: (K,) class of each map.
        image_size_wh: Width and height of the original image.
        frame_size_wh: Width and height of the model's input, where boxes are
            found; None where it is not known.
        scale_factor: Of the pipeline's resizing, along x and y; (1, 1) if
            there was none, None where it is not known.
        flip: Whether the pipeline mirrored the picture.
        bboxes: (n, 4) half-open ``x0, y0, x1, y1`` in pixels of the original
            image, or None.
        box_labels: (n,) their classes.
        box_scores: (n,) their scores.

    Raises:
        ValueError: If a shape, a number or a class is not as described; the
            message names the image and the field.
    """

    name: str = NAMELESS
    pred_score: Any = None
    score_maps: Any = None
    score_map_labels: Any = None
    image_size_wh: tuple[int, int] | None = None
    frame_size_wh: tuple[int, int] | None = None
    scale_factor: tuple[float, float] | None = None
    flip: bool = False
    bboxes: Any = None
    box_labels: Any = None
    box_scores: Any = None

    def __post_init__(self) -> None:
        if self.pred_score is not None:
            self._check('pred_score', '(C,)', 1)
        if self.score_maps is not None:
            self._check('score_maps', '(K, h, w)', 3, self.map_labels)
            count = len(self.map_labels)
            if len(self.score_maps) != count:
                self._fail(
                    'score_maps',
                    f'({count}, h, w), one map for each of score_map_labels',
                    tuple(self.score_maps.shape),
                )
        if self.bboxes is not None:
            boxes = as_array(self.bboxes)
            if boxes.ndim != 2 or boxes.shape[1] != 4:
                self._fail('bboxes', '(n, 4)', boxes.shape)
            if not np.isfinite(boxes).all():
                self._fail('bboxes', 'finite numbers', boxes.tolist())
            for field in ('box_labels', 'box_scores'):
                found = getattr(self, field)
                if found is not None and len(found) != len(boxes):
                    self._fail(field, f'{len(boxes)}, one a box', found)
            if self.box_scores is not None:
                scores = as_array(self.box_scores)
                finite = scores.dtype.kind in 'fiu' and np.isfinite(scores)
                if not np.all(finite):
                    self._fail('box_scores', 'finite numbers', scores.tolist())

    def _fail(self, field: str, expected: str, found: Any) -> None:
        raise ValueError(
            f'{self.name}: {field}: expected {expected}, got {found!r:.200}'
        )

    def _check(
        self, field: str, shape: str, ndim: int, classes: Any = None
    ) -> None:
        """Check dimensions and numbers of a field."""
        array = as_array(getattr(self, field))
        if (
            array.ndim != ndim
            or not array.size
            or array.dtype.kind not in ('fiu')
        ):
            self._fail(
                field, f'numbers {shape}', f'{array.dtype} {array.shape}'
            )
        finite = np.isfinite(array)
        if not finite.all():
            where = ''
            if classes is not None and len(classes) == len(array):
                bad = ~finite.all(axis=(1, 2))
                where = f' in the maps of classes {classes[bad].tolist()}'
            raise ValueError(
                f'{self.name}: {field}: {int((~finite).sum())} of '
                f'{array.size} values are NaN or infinite{where}'
            )

    @cached_property
    def map_labels(self) -> np.ndarray:
        """(K,) int64, class of each map."""
        if self.score_map_labels is None:
            return np.zeros(0, np.int64)
        return as_array(self.score_map_labels).reshape(-1).astype(np.int64)

    @cached_property
    def ranking(self) -> np.ndarray:
        """(C,) int64, classes by ``pred_score``, see :func:`rank_classes`.

        Raises:
            ValueError: If there are no scores.
        """
        if self.pred_score is None:
            self._fail('pred_score', 'scores of the classes', None)
        return rank_classes(self.pred_score)

    @property
    def pred_label(self) -> int:
        """The best class."""
        return int(self.ranking[0])

    def map_of(self, label: int) -> Any:
        """The raw score map (h, w) of a class, as it is held.

        Raises:
            ValueError: If there is none.
        """
        labels = self.map_labels.tolist()
        if self.score_maps is None or label not in labels:
            raise ValueError(
                f'{self.name}: score_map_labels: no map of class {label}, '
                f'only of {labels} (map_topk of model.head says of how many)'
            )
        return self.score_maps[labels.index(label)]

    def check_geometry(self, input_hw: Sequence[int] | None = None) -> None:
        """Refuse a model's input that is not the whole picture, resized.

        Boxes are scaled from the input to the picture; after a crop, a
        padding or a flip they would be somewhere else.

        Args:
            input_hw (Sequence[int], optional): Height and width of what the
                model was really given, which differ from the frame's where a
                preprocessor pads. Defaults to None, not known.

        Raises:
            ValueError: If it is not.
        """
        if self.frame_size_wh is None:
            return
        frame = self.frame_size_wh
        image = self.image_size_wh or frame
        scale = self.scale_factor
        moved = scale is not None and any(
            abs(side * by - to) > 1
            for side, by, to in zip(image, scale, frame, strict=True)
        )
        if moved or self.flip:
            raise ValueError(
                f'{self.name}: the test pipeline crops, pads or flips '
                f'pictures ({image[0]}x{image[1]} to {frame[0]}x{frame[1]}, '
                f'scale_factor {self.scale_factor}, flip {self.flip}), so '
                'boxes could not be placed in the original; it must resize '
                'them as a whole'
            )
        if input_hw is not None and tuple(input_hw[::-1]) != frame:
            raise ValueError(
                f'{self.name}: img_shape is {frame[0]}x{frame[1]}, but the '
                f'model was given {input_hw[1]}x{input_hw[0]}: the data '
                'preprocessor pads, so boxes could not be placed in the '
                'original; set pad_size_divisor=1 and resize all pictures to '
                'one size'
            )

    def with_boxes(
        self, labels: Sequence[int] | None = None, **box_cfg: Any
    ) -> 'Localization':
        """The same with boxes of the maps of some classes.

        Args:
            labels (Sequence[int], optional): The classes. Defaults to None,
                the best class.
            **box_cfg: ``threshold``, ``contours`` and ``interpolation`` of
                :func:`~projects.scm.structures.score_map_to_boxes`.

        Returns:
            Localization: With ``bboxes`` float64; none where the frame is
            not known.

        Raises:
            ValueError: If there is no map of a class.
        """
        labels = [self.pred_label] if labels is None else list(labels)
        found = [
            score_map_to_boxes(as_array(self.map_of(label)), **place)
            for label, place in self._places(labels, box_cfg)
        ]
        counts = [len(boxes) for boxes in found] or [0] * len(labels)
        repeated = np.repeat(np.array(labels, np.int64), counts)
        return replace(
            self,
            bboxes=np.concatenate([np.zeros((0, 4)), *found]),
            box_labels=repeated,
            box_scores=as_array(self.pred_score)[repeated],
        )

    def outlines(
        self, labels: Sequence[int], **box_cfg: Any
    ) -> list[list[list[float]]]:
        """Polygons ``[x, y, x, y, …]`` of each box of :meth:`with_boxes`."""
        return [
            [polygon.ravel().tolist() for polygon in polygons]
            for label, place in self._places(labels, box_cfg)
            for polygons in score_map_to_outlines(
                as_array(self.map_of(label)), **place
            )
        ]

    def _places(
        self, labels: Sequence[int], box_cfg: Mapping[str, Any]
    ) -> list[tuple[int, dict[str, Any]]]:
        """Classes and where to find boxes; none without a frame."""
        if self.frame_size_wh is None:
            return []
        place = dict(
            image_size_wh=self.image_size_wh or self.frame_size_wh,
            frame_size_wh=self.frame_size_wh,
            **box_cfg,
        )
        return [(label, place) for label in labels]

    @classmethod
    def from_mapping(
        cls,
        sample: Mapping[str, Any],
        need: Sequence[str] = (),
        hint: str = '',
    ) -> 'Localization':
        """Read what ``DataSample.to_dict()`` holds.

        Args:
            sample (Mapping): Any of ``img_path``, ``ori_shape`` and
                ``img_shape`` (height, width), ``scale_factor`` (x, y),
                ``flip``, ``pred_score``, ``score_maps``,
                ``score_map_labels`` and ``pred_instances``, a mapping with
                ``bboxes``, ``labels`` and ``scores``. The predicted class
                follows from ``pred_score``, whatever ``pred_label`` says.
            need (Sequence[str]): Keys that must be there.
            hint (str): Where they come from, for the message.

        Returns:
            Localization: The record.

        Raises:
            ValueError: If a key is missing or its value wrong; the message
                names the image and the key.
        """
        name = str(sample.get('img_path', NAMELESS))
        missing = [key for key in need if sample.get(key) is None]
        if missing:
            raise ValueError(f'{name}: missing {missing}: {hint}')
        scale = sample.get('scale_factor')
        boxes = sample.get('pred_instances') or {}
        return cls(
            name=name,
            pred_score=sample.get('pred_score'),
            score_maps=sample.get('score_maps'),
            score_map_labels=sample.get('score_map_labels'),
            image_size_wh=_size_wh(sample, 'ori_shape', name),
            frame_size_wh=_size_wh(sample, 'img_shape', name),
            scale_factor=None if scale is None else tuple(map(float, scale)),
            flip=bool(sample.get('flip', False)),
            bboxes=boxes.get('bboxes'),
            box_labels=boxes.get('labels'),
            box_scores=boxes.get('scores'),
        )

    def to_mapping(self) -> dict[str, Any]:
        """What :meth:`from_mapping` reads, and ``pred_label`` (1,)."""
        content = {
            'img_path': None if self.name == NAMELESS else self.name,
            'pred_score': self.pred_score,
            'score_maps': self.score_maps,
            'score_map_labels': self.score_map_labels,
            'ori_shape': self.image_size_wh and self.image_size_wh[::-1],
            'img_shape': self.frame_size_wh and self.frame_size_wh[::-1],
            'scale_factor': self.scale_factor,
            'flip': self.flip or None,
        }
        if self.pred_score is not None:
            content['pred_label'] = self.ranking[:1]
        if self.bboxes is not None:
            content['pred_instances'] = {
                'bboxes': self.bboxes,
                'labels': self.box_labels,
                'scores': self.box_scores,
            }
        return {k: v for k, v in content.items() if v is not None}


def _size_wh(
    sample: Mapping[str, Any], key: str, name: str
) -> tuple[int, int] | None:
    shape = sample.get(key)
    if shape is None:
        return None
    if len(shape) < 2 or not all(int(side) > 0 for side in shape[:2]):
        raise ValueError(
            f'{name}: {key}: expected (height, width), both positive, got '
            f'{shape!r}'
        )
    return int(shape[1]), int(shape[0])
