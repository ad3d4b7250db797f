# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Drawn pictures with what a test run would say of them, for tests.

Every picture shows one bright ellipse; score maps are blobs near it.
"""

import pickle

import numpy as np
import torch
from PIL import Image, ImageDraw

NUM_CLASSES = 6
SIZES = ((120, 90), (90, 120), (100, 100))


def make_results(folder, count=12, seed=0, right=0.7, relative=False):
    """Items as ``tools/test.py --out`` dumps them.

    Pictures and boxes depend on the index alone, so that runs of different
    seeds are runs on the same images.

    Args:
        folder (Path): Pictures are written to ``<folder>/<class>/``.
        count (int): Number of images.
        seed (int): Of the predictions.
        right (float): Probability of the right class.
        relative (bool): Whether image paths are relative to ``folder``.

    Returns:
        list[dict]: One an image.
    """
    generator = np.random.default_rng(seed)
    return [
        _item(folder, index, generator, right, relative)
        for index in range(count)
    ]


def without_boxes(items):
    """The same of a set without boxes."""
    return [dict(item, instances=[]) for item in items]


def dump_results(path, items):
    """Write a pickle as ``tools/test.py --out`` does."""
    path.write_bytes(pickle.dumps(items))
    return str(path)


def _item(folder, index, generator, right, relative):
    label = index % NUM_CLASSES
    width, height = SIZES[index % len(SIZES)]
    box = _draw(folder, index, label, width, height)
    pred = label
    if generator.random() > right:
        pred = (label + int(generator.integers(1, NUM_CLASSES))) % NUM_CLASSES
    others = [c for c in generator.permutation(NUM_CLASSES) if c != pred]
    labels = [pred, *others[:4]]
    if label not in labels:
        labels.append(label)
    score = np.full(NUM_CLASSES, 0.01)
    score[others[:4]] = [0.05, 0.04, 0.03, 0.02]
    score[pred] = generator.uniform(0.5, 0.9)
    name = f'{label + 1:03d}.kind_{label}/{index:04d}.png'
    return {
        'sample_idx': index,
        'img_path': name if relative else str(folder / name),
        'ori_shape': (height, width),
        'img_shape': (224, 224),
        'instances': [{'bbox': box, 'bbox_label': label, 'ignore_flag': 0}],
        'gt_label': torch.tensor([label]),
        'pred_label': torch.tensor([pred]),
        'pred_score': torch.tensor(score, dtype=torch.float32),
        'score_maps': torch.from_numpy(
            np.stack(
                [_blob(box, width, height, generator) for _ in labels]
            ).astype(np.float32)
        ),
        'score_map_labels': torch.tensor([int(c) for c in labels]),
    }


def _draw(folder, index, label, width, height):
    """Draw a picture, return the box of its ellipse."""
    generator = np.random.default_rng(1000 + index)
    side = generator.uniform(0.3, 0.6, 2) * [width, height]
    corner = generator.uniform(0, 1, 2) * ([width, height] - side)
    box = [float(v) for v in (*corner, *(corner + side))]
    color = tuple(int(v) for v in generator.integers(0, 120, 3))
    image = Image.new('RGB', (width, height), color)
    ImageDraw.Draw(image).ellipse(box, fill=(255, 40 * label, 60))
    path = folder / f'{label + 1:03d}.kind_{label}' / f'{index:04d}.png'
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return box


def _blob(box, width, height, generator):
    rows, columns = np.mgrid[:14, :14] + 0.5
    noise = generator.normal(0, 0.7, 2)
    spread = generator.uniform(0.4, 1.2)
    x = (box[0] + box[2]) / 2 / width * 14 + noise[0]
    y = (box[1] + box[3]) / 2 / height * 14 + noise[1]
    half_w = (box[2] - box[0]) / width * 7 * spread
    half_h = (box[3] - box[1]) / height * 7 * spread
    distance = ((columns - x) / half_w) ** 2 + ((rows - y) / half_h) ** 2
    return np.exp(-distance) * generator.uniform(0.5, 3)
