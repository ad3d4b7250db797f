# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The 3x3 convolution that makes semantic maps, and two shortcuts past it.

At 224 pixels it costs 3 % of DeiT-S for 200 classes and 13 % for 1000, most
of it for maps that nobody looks at. Convolution and average pooling are
linear, so logits need the sums of the patch tokens under each of the nine
weights alone; and score maps are wanted of a few classes an image.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Of more than this share of the classes, the whole map is the cheaper one:
# the two break even between a quarter and a half, measured on a CPU.
SELECTED_SHARE = 1 / 4


class SemanticConvolution(nn.Conv2d):
    """3x3 convolution with padding 1, default initialisation.

    Args:
        in_channels (int): Channels D of the patch tokens.
        num_classes (int): Classes C.
    """

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__(in_channels, num_classes, kernel_size=3, padding=1)

    def pooled(self, patch: Tensor) -> Tensor:
        """Spatial mean of the semantic map, without making the map.

        Args:
            patch (Tensor): Patch tokens, shape (B, D, h, w).

        Returns:
            Tensor: ``self(patch).mean((2, 3))`` to rounding, shape (B, C).
        """
        height, width = patch.shape[2:]
        seen = torch.einsum(
            'ai,bj->abij', _seen(height, patch), _seen(width, patch)
        )
        tokens = patch.flatten(2).mT
        means = (seen.flatten(2).flatten(0, 1) @ tokens) / tokens.size(1)
        return F.linear(means.mT.flatten(1), self.weight.flatten(1), self.bias)

    def select(self, patch: Tensor, labels: Tensor) -> Tensor:
        """Semantic maps of some classes, other ones in every image.

        Args:
            patch (Tensor): Patch tokens, shape (B, D, h, w).
            labels (Tensor): The classes, int64 (B, k).

        Returns:
            Tensor: Their rows of ``self(patch)``, shape (B, k, h, w).
        """
        grid = patch.shape[2:]
        if labels.size(1) > SELECTED_SHARE * self.out_channels:
            index = labels[..., None, None].expand(-1, -1, *grid)
            return self(patch).gather(1, index)
        # A product for each of the nine weights, and their shifted sum, which
        # leaves autocast.
        weight = self.weight[labels].flip((-1, -2)).permute(0, 1, 3, 4, 2)
        products = weight.flatten(1, 3) @ patch.flatten(2)
        maps = F.fold(
            products.to(self.bias.dtype), grid, kernel_size=3, padding=1
        )
        return maps + self.bias[labels][..., None, None]


def _seen(length: int, like: Tensor) -> Tensor:
    """Whether each of three weights in a line sees a position, (3, length).

    The first one passes by the last position, as the padding is before the
    first, and the last one passes by the first position.
    """
    position = torch.arange(length, device=like.device)
    return torch.stack(
        [
            position < length - 1,
            torch.ones_like(position, dtype=torch.bool),
            position > 0,
        ]
    ).to(like.dtype)
