# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The recorded evaluation set as arguments of ``record_image``."""

import numpy as np


def load_images(parity_dir):
    """Images of evaluation.npz: dicts of maps, ranking, boxes."""
    data = np.load(parity_dir / 'evaluation.npz')
    ranking = np.argsort(-data['logits'], axis=1, kind='stable')[:, :5]
    images = []
    for n in range(len(data['cams'])):
        labels = list(ranking[n])
        if data['labels'][n] not in labels:
            labels.append(data['labels'][n])
        images.append(
            {
                'maps': data['cams'][n][labels],
                'map_labels': labels,
                'gt_label': data['labels'][n],
                'gt_boxes': data['boxes_xyxy'][data['box_image'] == n],
                'image_size_wh': data['image_sizes_wh'][n],
                'ranking': ranking[n],
                'name': f'image {n}',
            }
        )
    return images
