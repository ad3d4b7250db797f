# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The published protocols as plain loops over OpenCV calls: the oracle.

Slow on purpose: one ``threshold`` and one ``findContours`` per threshold, one
count per threshold and image, as in ``clovaai/wsolevaluation`` and the
evaluation of ``hbai98/SCM``. ``tools/benchmarks/evaluation.py`` times them.
"""

import cv2
import numpy as np


def loop_boxes(score_map, thresholds, contours='largest'):
    """List of (n_i, 4) boxes of a map in [0, 1], one entry a threshold."""
    height, width = score_map.shape
    image = (score_map * 255).astype(np.uint8)[:, :, None]
    boxes = []
    for threshold in thresholds:
        _, binary = cv2.threshold(
            src=image,
            thresh=int(threshold * np.max(image)),
            maxval=255,
            type=cv2.THRESH_BINARY,
        )
        found = cv2.findContours(
            image=binary, mode=cv2.RETR_TREE, method=cv2.CHAIN_APPROX_SIMPLE
        )[-2]
        if len(found) == 0:
            boxes.append(np.array([[0, 0, 0, 0]]))
            continue
        if contours == 'largest':
            found = [max(found, key=cv2.contourArea)]
        rows = []
        for contour in found:
            x, y, w, h = cv2.boundingRect(contour)
            rows.append([x, y, min(x + w, width - 1), min(y + h, height - 1)])
        boxes.append(np.array(rows))
    return boxes


def loop_iou(boxes, gt_boxes):
    """(n, m) inclusive IoU of integer boxes, broadcast column by column."""
    a, b = boxes[:, None], gt_boxes[None]
    w = np.minimum(a[..., 2], b[..., 2]) - np.maximum(a[..., 0], b[..., 0])
    h = np.minimum(a[..., 3], b[..., 3]) - np.maximum(a[..., 1], b[..., 1])
    inter = np.maximum(w + 1, 0) * np.maximum(h + 1, 0)
    area_a = (a[..., 2] - a[..., 0] + 1) * (a[..., 3] - a[..., 1] + 1)
    area_b = (b[..., 2] - b[..., 0] + 1) * (b[..., 3] - b[..., 1] + 1)
    return inter / (area_a + area_b - inter)


def loop_hits(score_map, gt_boxes, thresholds, ious, contours='largest'):
    """(d, t) bool of a raw map: a box at the threshold reaches the IoU."""
    resized = cv2.resize(score_map.astype(np.float64), (224, 224))
    low, high = resized.min(), resized.max()
    normalised = (resized - low) / (high - low)
    best = np.array(
        [
            loop_iou(boxes, gt_boxes).max()
            for boxes in loop_boxes(normalised, thresholds, contours)
        ]
    )
    return np.array([best >= iou for iou in ious])


def loop_counts(images, thresholds, ious):
    """Counts (d, t) over images: GT class, Top-1/5, and with the class."""
    counts = {}

    def add(name, hits):
        counts[name] = counts.get(name, 0) + hits.astype(int)

    for image in images:
        hits = {
            label: loop_hits(
                score_map, image['gt_boxes_224'], thresholds, ious
            )
            for label, score_map in zip(
                image['map_labels'], image['maps'], strict=True
            )
        }
        nothing = np.zeros((len(ious), len(thresholds)), bool)
        gt_label = image['gt_label']
        add('gt_map', hits[gt_label])
        for k in (1, 5):
            ranked = list(image['ranking'][:k])
            add(f'top{k}', np.any([hits[c] for c in ranked], axis=0))
            add(
                f'top{k}_loc',
                hits[gt_label] if gt_label in ranked else nothing,
            )
    return counts


def loop_tscam(image, threshold):
    """Top-1 Loc, Top-5 Loc, GT-known and error kind of one image."""
    gt_boxes, gt_label = image['gt_boxes_224'], image['gt_label']
    best = {}
    boxes = {}
    for label, score_map in zip(
        image['map_labels'], image['maps'], strict=True
    ):
        resized = cv2.resize(score_map.astype(np.float64), (224, 224))
        low, high = resized.min(), resized.max()
        grey = ((resized - low) / (high - low) * 255).astype(np.uint8)
        _, kept = cv2.threshold(
            grey, int(threshold * np.max(grey)), 255, cv2.THRESH_TOZERO
        )
        found = cv2.findContours(kept, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)[
            -2
        ]
        box = [0, 0, 1, 1]
        if len(found):
            x, y, w, h = cv2.boundingRect(max(found, key=cv2.contourArea))
            box = [x, y, x + w, y + h]
        boxes[label] = np.array([box])
        best[label] = loop_iou(boxes[label], gt_boxes)[0]
    located = best[gt_label].max() > 0.5
    top1 = image['ranking'][0]
    return (
        located and top1 == gt_label,
        located and gt_label in list(image['ranking'][:5]),
        best[gt_label].max() >= 0.5,
        loop_kind(boxes[top1][0], gt_boxes, best[top1], top1 == gt_label),
    )


def loop_kind(box, gt_boxes, ious, class_is_right):
    """Name of the error of a box, decided pixel count by pixel count."""

    def area(b):
        return max(b[2] - b[0] + 1, 0) * max(b[3] - b[1] + 1, 0)

    def shared(g):
        return area(
            [max(box[0], g[0]), max(box[1], g[1])]
            + [min(box[2], g[2]), min(box[3], g[3])]
        )

    if not class_is_right:
        return 'cls'
    if max(ious) > 0.5:
        return 'right'
    if sum(shared(g) / area(g) > 0.3 for g in gt_boxes) > 1:
        return 'multi_instance'
    nearest = gt_boxes[list(ious).index(max(ious))]
    if shared(nearest) / area(box) > 0.5:
        return 'part'
    if shared(nearest) / area(nearest) >= 0.7:
        return 'more'
    return 'wrong'
