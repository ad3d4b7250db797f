# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Boxes from an exported model with onnxruntime, NumPy and OpenCV alone.

This file needs nothing else of the project; copy it where you need it.

Example::

    python tools/export_onnx.py CONFIG CHECKPOINT --out model.onnx
    python demo/onnx_boxes.py model.onnx photos/*.jpg --out results/
"""

import argparse
import json
import sys
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import onnxruntime


class Localization(NamedTuple):
    """What was found in a picture."""

    label: int
    """The predicted class."""
    name: str
    score: float
    """Its softmax score."""
    score_map: np.ndarray
    """Its raw map, float32 (h, w)."""
    boxes: np.ndarray
    """float64 (n, 4), half-open x0, y0, x1, y1 in pixels of the picture."""


class Localizer:
    """An exported model.

    Args:
        path: The ONNX file that ``tools/export_onnx.py`` has written.
    """

    def __init__(self, path: str) -> None:
        self.session = onnxruntime.InferenceSession(
            path, providers=['CPUExecutionProvider']
        )
        metadata = self.session.get_modelmeta().custom_metadata_map
        metadata = {key: json.loads(text) for key, text in metadata.items()}
        self.size_wh = tuple(metadata['input_size_wh'])
        self.classes = metadata['classes']
        self.box_cfg = metadata['box_cfg']

    def __call__(
        self, image: np.ndarray, threshold: float | None = None
    ) -> Localization:
        """Localise the object in a picture.

        Args:
            image: uint8 (H, W, 3), BGR, as OpenCV reads.
            threshold: Share of the largest level of the map, above which a
                pixel belongs to the object; the model's own by default.
        """
        rgb = np.ascontiguousarray(image[..., ::-1])
        pixels = resize_like_pillow(rgb, self.size_wh)
        pixels = pixels.transpose(2, 0, 1)[None].astype(np.float32)
        logits, labels, maps = self.session.run(None, {'pixels': pixels})
        exponents = np.exp(logits[0] - logits[0].max())
        label = int(labels[0, 0])
        return Localization(
            label,
            self.classes[label] if self.classes else str(label),
            float(exponents[label] / exponents.sum()),
            maps[0, 0],
            self.find_boxes(maps[0, 0], image.shape[1::-1], threshold),
        )

    def find_boxes(
        self,
        score_map: np.ndarray,
        image_size_wh: tuple[int, int],
        threshold: float | None = None,
    ) -> np.ndarray:
        """Boxes of a raw score map in pixels of its picture."""
        cubic = self.box_cfg.get('interpolation') == 'bicubic'
        flag = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
        score_map = cv2.resize(
            score_map.astype(np.float64), self.size_wh, interpolation=flag
        )
        score_map -= score_map.min()
        if score_map.max() > 0:
            score_map /= score_map.max()
        levels = (score_map * 255).astype(np.uint8)
        if threshold is None:
            threshold = self.box_cfg['threshold']
        mask = (levels > int(threshold * levels.max())).astype(np.uint8)
        contours, _ = cv2.findContours(
            mask, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE
        )
        if contours and self.box_cfg.get('contours') != 'all':
            contours = [max(contours, key=cv2.contourArea)]
        boxes = [cv2.boundingRect(contour) for contour in contours]
        boxes = np.array(boxes, np.float64).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        return boxes * np.tile(np.divide(image_size_wh, self.size_wh), 2)


def read_picture(file: str) -> np.ndarray:
    """A picture as uint8 (H, W, 3), BGR; of 16 bits the upper 8.

    Args:
        file: Any that OpenCV reads, with 8 or 16 bits a channel.

    Raises:
        ValueError: If it does not read, or has real or 32-bit numbers.
    """
    image = cv2.imread(file, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if image is None:
        raise ValueError(f'{file}: does not read as a picture')
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    if image.dtype != np.uint8:
        raise ValueError(
            f'{file}: has values of {image.dtype}, expected 8 or 16 bits'
        )
    return image


def resize_like_pillow(
    image: np.ndarray, size_wh: tuple[int, int]
) -> np.ndarray:
    """Resize as Pillow's bilinear filter does, which models are trained on.

    OpenCV's bilinear filter looks at four pixels only, also where a picture
    gets much smaller.

    Args:
        image: uint8 (H, W, 3).
        size_wh: Width and height of the result.
    """
    for axis, size in ((1, size_wh[0]), (0, size_wh[1])):
        old = image.shape[axis]
        if old == size:
            continue
        scale = old / size
        support = max(scale, 1.0)
        centre = (np.arange(size)[:, None] + 0.5) * scale
        distance = np.abs(np.arange(old) + 0.5 - centre) / support
        weights = np.maximum(1 - distance, 0)
        weights /= weights.sum(1, keepdims=True)
        image = np.moveaxis(
            np.tensordot(weights.astype(np.float32), image, (1, axis)), 0, axis
        )
        image = np.clip(np.floor(image + 0.5), 0, 255).astype(np.uint8)
    return image


def main() -> None:
    """Localise in pictures, and draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('model', help='of tools/export_onnx.py')
    parser.add_argument('images', nargs='+', help='pictures')
    parser.add_argument('--threshold', type=float, help="else the model's own")
    parser.add_argument('--out', help='folder for pictures with boxes')
    args = parser.parse_args()
    try:
        localizer = Localizer(args.model)
    except Exception as error:  # onnxruntime raises kinds of its own
        reason = ' '.join(str(error).split())
        sys.exit(f'{args.model}: no model of tools/export_onnx.py ({reason})')
    broken = []
    for file in args.images:
        try:
            image = read_picture(file)
        except ValueError as error:
            broken.append(str(error))
            continue
        found = localizer(image, args.threshold)
        boxes = found.boxes.round(1).tolist()
        print(f'{file}: {found.name} {found.score:.3f} {boxes}')  # noqa: T201
        if args.out:
            for x0, y0, x1, y1 in found.boxes.round().astype(int):
                cv2.rectangle(image, (x0, y0), (x1, y1), (0, 159, 230), 2)
            Path(args.out).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(Path(args.out, f'{Path(file).stem}.png')), image)
    if broken:
        sys.exit('\n'.join(broken))


if __name__ == '__main__':
    main()
