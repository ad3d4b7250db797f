# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""A faster way from Pillow to Pillow."""

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmpretrain.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ContiguousImage(BaseTransform):
    """Lay the pixels of an image out in memory in their order.

    mmcv turns what Pillow has decoded from RGB to BGR by reversing a view.
    Pillow's ``Image.fromarray``, by which mmcv's ``Resize`` begins, takes
    about five times as long for such a view as for an array in order, and
    longer than the resizing itself. OpenCV reorders the channels in a
    fraction of that time. The values do not change.

    **Required Keys:** img

    **Modified Keys:** img
    """

    def transform(self, results: dict) -> dict:
        """Copy the image unless it is laid out in order."""
        image = results['img']
        if image.flags.c_contiguous:
            return results
        reversed_view = image[..., ::-1]
        if image.shape[2:] == (3,) and reversed_view.flags.c_contiguous:
            image = cv2.cvtColor(reversed_view, cv2.COLOR_RGB2BGR)
        results['img'] = np.ascontiguousarray(image)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
