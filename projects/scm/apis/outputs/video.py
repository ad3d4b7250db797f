# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Videos with the boxes drawn in, steadied over frames."""

from pathlib import Path
from typing import Any, NamedTuple

import cv2
import mmcv
import numpy as np

from projects.scm.structures import iou_half_open
from projects.scm.visualization import PRED_COLOR, draw_boxes

from .writer import ResultWriter, instances

#: Share of a new box in the box that is drawn; the rest is the drawn box of
#: the frame before.
NEW_SHARE = 0.4
#: Overlap from which two boxes of one class are taken for the same object.
SAME_IOU = 0.3


class Track(NamedTuple):
    """A box as it is drawn.

    Attributes:
        label: Index of the class.
        box: (4,) float64, half-open ``x0, y0, x1, y1`` in pixels.
    """

    label: int
    box: np.ndarray


class BoxSmoother:
    """Steadies boxes over the frames of a video.

    A box follows the box of its class in the frame before that it overlaps
    most, if it does so by :data:`SAME_IOU`, as an exponential mean. One that
    overlaps none stands as it is; one that is not followed is gone.
    """

    def __init__(self) -> None:
        self._tracks: list[Track] = []

    def update(self, labels: list[int], boxes: np.ndarray) -> np.ndarray:
        """Take the boxes of the next frame.

        Args:
            labels (list[int]): Classes of the boxes.
            boxes (np.ndarray): (n, 4), half-open ``x0, y0, x1, y1``.

        Returns:
            np.ndarray: (n, 4) float64, steadied, in the same order.
        """
        left = list(self._tracks)
        self._tracks = []
        for label, box in zip(labels, boxes, strict=True):
            box = np.asarray(box, dtype=np.float64)
            same = [i for i, track in enumerate(left) if track.label == label]
            if same:
                overlaps = iou_half_open(
                    box[None], np.stack([left[i].box for i in same])
                )[0]
                best = int(overlaps.argmax())
                if overlaps[best] >= SAME_IOU:
                    before = left.pop(same[best]).box
                    box = NEW_SHARE * box + (1 - NEW_SHARE) * before
            self._tracks.append(Track(label, box))
        return np.array([t.box for t in self._tracks]).reshape(-1, 4)


class VideoWriter(ResultWriter):
    """Writes ``videos/<name>.mp4``, one of each video among the inputs.

    Frames are those that were looked at, and the rate is such that the video
    lasts as long as it did.
    """

    entries = ('videos',)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._path: str | None = None
        self._video: cv2.VideoWriter | None = None
        self._smoother = BoxSmoother()

    def add(self, result: dict) -> None:
        """Draw one frame; pictures are left alone.

        Raises:
            ValueError: If the codec cannot be had.
        """
        if result.get('frame') is None:
            return
        if result['img_path'] != self._path:
            self._open(result)
        found = instances(result)
        boxes = self._smoother.update(
            [i.label for i in found], np.array([i.box for i in found])
        )
        tags = [f'{self.classes[i.label]} {i.score:.2f}' for i in found]
        picture = np.ascontiguousarray(result['image'][..., ::-1])
        drawn = draw_boxes(picture, boxes, PRED_COLOR, tags)
        self._video.write(np.ascontiguousarray(drawn[..., ::-1]))

    def close(self) -> Path:
        """Finish the last video; return the folder."""
        if self._video is not None:
            self._video.release()
        self._video, self._path = None, None
        return self.folder / self.entries[0]

    def _open(self, result: dict) -> None:
        self.close()
        self._path = result['img_path']
        self._smoother = BoxSmoother()
        stem = Path(result['file_name']).with_suffix('.mp4')
        target = self.folder / self.entries[0] / stem
        target.parent.mkdir(parents=True, exist_ok=True)
        fps = mmcv.VideoReader(self._path).fps or 25.0
        fps /= self.info.get('frame_interval', 1)
        self._video = cv2.VideoWriter(
            str(target),
            cv2.VideoWriter.fourcc(*'mp4v'),
            fps,
            (result['width'], result['height']),
        )
        if not self._video.isOpened():
            raise ValueError(
                f'{target}: OpenCV does not write {result["width"]}x'
                f'{result["height"]} pixels as mp4v'
            )
