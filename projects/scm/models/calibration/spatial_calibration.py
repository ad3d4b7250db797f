# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Spatial Calibration Module: activation diffusion over the patch grid.

Plain modules on tensors; configs name :class:`SpatialCalibration`. The method
is that of *Weakly Supervised Object Localization via Transformer with
Implicit Spatial Calibration* (ECCV 2022), the constants are those of its
official implementation.

A block scales the semantic vector of every position by 1 + o with o in
[0, 1]. That leaves the cosine similarities between positions as they are, so
a stack of blocks computes them once.
"""

from collections.abc import Iterable, Iterator, Sequence

import torch
from mmpretrain.registry import MODELS
from torch import Tensor, nn

from projects.scm.utils.checks import check_numbers

from .grid_operator import (
    GridOperator,
    grid_cosine,
    grid_dense,
    grid_laplacian,
)
from .newton_schulz import newton_schulz_apply
from .normalize import filter_activation

OFFICIAL_ITERATIONS = (16, 4, 4, 4)


class ActivationDiffusionBlock(nn.Module):
    """Activation diffusion block (ADB).

    With E the cosine similarities of the semantic vectors, A the 4-neighbour
    adjacency of the grid and D its degrees: Λ = (D − A) ∘ (λE − 1), z = Λ⁻¹F
    approximately, and o = min-max(z' − tanh z') with z' = z / (β max F).

    Args:
        iterations (int, optional): Newton-Schulz iterations p for Λ⁻¹. 4 is
            about a one-hop diffusion, 16 inverts partly. None solves
            exactly, which official results do not; where Λ has no inverse,
            as on all odd grids with λ = 1, z is the shortest of the best
            solutions. Defaults to 4.
        lambda_ (float): Initial λ, learnable. Defaults to 1.
        beta (float): Initial β, learnable, as a fraction of the
            largest attention of the image. Defaults to 0.5.
        alpha (float): Scale α of the start αΛ of the iteration, a constant.
            Defaults to 0.002.
    """

    def __init__(
        self,
        iterations: int | None = 4,
        lambda_: float = 1.0,
        beta: float = 0.5,
        alpha: float = 0.002,
    ) -> None:
        super().__init__()
        if iterations is not None and (
            not isinstance(iterations, int)
            or isinstance(iterations, bool)
            or iterations < 0
        ):
            raise ValueError(
                'iterations must be None or an integer >= 0, '
                f'but got {iterations!r}'
            )
        check_numbers(lambda_=lambda_, beta=beta)
        check_numbers('(0, inf)', alpha=alpha)
        self.iterations = iterations
        self.alpha = alpha
        self.lambda_ = nn.Parameter(torch.tensor([float(lambda_)]))
        self.beta = nn.Parameter(torch.tensor([float(beta)]))
        self._register_load_state_dict_pre_hook(_rename_scalars)

    def forward(
        self, semantic: Tensor, attention: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Diffuse once.

        Args:
            semantic (Tensor): Semantic map S, shape (B, C, h, w).
            attention (Tensor): Attention map F, shape (B, h, w).

        Returns:
            tuple[Tensor, Tensor]: S + S∘o and F + o, shapes as given, at
            least float32.
        """
        ((gain, attention),) = _gains([self], semantic, attention)
        return _full_precision(semantic) * gain.unsqueeze(1), attention

    def activation(self, cosine: GridOperator, attention: Tensor) -> Tensor:
        """The filtered diffusion o.

        Args:
            cosine (GridOperator): E on the grid, see :func:`grid_cosine`.
            attention (Tensor): F, shape (B, h, w).

        Returns:
            Tensor: o in [0, 1], shape (B, h, w); zeros where nothing
            diffuses (constant maps).
        """
        laplacian = grid_laplacian(*attention.shape[1:], like=attention)
        operator = GridOperator(
            *(
                part * (self.lambda_ * similarity - 1)
                for part, similarity in zip(laplacian, cosine, strict=True)
            )
        )
        flat = attention.flatten(1)
        if self.iterations is None:
            diffused = _minimum_norm(grid_dense(operator), flat)
        else:
            diffused = newton_schulz_apply(
                operator, flat, self.iterations, self.alpha
            )
        bound = self.beta * flat.amax(1, keepdim=True)
        bound = torch.where(bound != 0, bound, 1)
        return filter_activation(diffused, bound).view_as(attention)

    def extra_repr(self) -> str:
        """Constants shown by ``print(module)``."""
        return f'iterations={self.iterations}, alpha={self.alpha}'


@MODELS.register_module()
class SpatialCalibration(nn.Module):
    """Stack of activation diffusion blocks, for training.

    Args:
        iterations (Sequence[int | None]): Newton-Schulz iterations of each
            block; its length is the number of blocks, and where it
            is empty the maps stay as they are. Defaults to (16, 4, 4, 4) as
            for ViT and DeiT; Conformer takes (4, 4, 4, 4).
        lambda_ (float): Initial λ of each block. Defaults to 1.
        beta (float): Initial β of each block. Defaults to 0.5.
        alpha (float): Constant α of the iteration. Defaults to 0.002.
    """

    def __init__(
        self,
        iterations: Sequence[int | None] = OFFICIAL_ITERATIONS,
        lambda_: float = 1.0,
        beta: float = 0.5,
        alpha: float = 0.002,
    ) -> None:
        super().__init__()
        if not isinstance(iterations, Sequence) or isinstance(iterations, str):
            raise ValueError(
                'iterations needs one entry a block, e.g. '
                f'{OFFICIAL_ITERATIONS}, but got {iterations!r}'
            )
        self.blocks = nn.ModuleList(
            ActivationDiffusionBlock(p, lambda_, beta, alpha)
            for p in iterations
        )

    def forward(
        self,
        semantic: Tensor,
        attention: Tensor,
        features: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Calibrate both maps.

        Args:
            semantic (Tensor): Semantic map S⁰, shape (B, C, h, w), any
                floating dtype.
            attention (Tensor): Attention map F⁰, shape (B, h, w), min-max
                scaled to [0, 1] as the method has it.
            features (Tensor, optional): Vectors (B, D, h, w) whose
                similarity couples the positions. Defaults to None, the
                semantic map itself, as in the official implementation.

        Returns:
            tuple[Tensor, Tensor]: Calibrated S (B, C, h, w) and F (B, h, w),
            at least float32: the computation leaves autocast, because
            z − tanh z of a half precision z is 0.
        """
        gain, attention = _calibrate(
            self.blocks, semantic, attention, features
        )
        return _full_precision(semantic) * gain.unsqueeze(1), attention

    def pooled(
        self,
        semantic: Tensor,
        attention: Tensor,
        features: Tensor | None = None,
    ) -> Tensor:
        """Spatial mean of the calibrated S, without making S.

        Args:
            semantic (Tensor): As for :meth:`forward`, and so are the others.
            attention (Tensor): F⁰.
            features (Tensor, optional): What positions are coupled by.

        Returns:
            Tensor: Shape (B, C), at least float32.
        """
        gain, _ = _calibrate(self.blocks, semantic, attention, features)
        with torch.autocast(gain.device.type, enabled=False):
            flat = _full_precision(semantic).flatten(2)
            total = flat @ gain.flatten(1).unsqueeze(2)
            return total.squeeze(2) / flat.size(2)

    def scalars(self) -> dict[str, Tensor]:
        """What is worth a line in the training log: λ and β of each block."""
        return {
            f'{name}_{index}': getattr(block, attribute).detach().squeeze()
            for index, block in enumerate(self.blocks)
            for name, attribute in (('lambda', 'lambda_'), ('beta', 'beta'))
        }

    def trace(
        self,
        semantic: Tensor,
        attention: Tensor,
        features: Tensor | None = None,
    ) -> list[tuple[Tensor, Tensor]]:
        """As :meth:`forward`, but the pair (S, F) after every block."""
        return [
            (_full_precision(semantic) * gain.unsqueeze(1), calibrated)
            for gain, calibrated in _gains(
                self.blocks, semantic, attention, features
            )
        ]


def _rename_scalars(state_dict: dict, prefix: str, *_: object) -> None:
    """Read λ and β under the names that they had before."""
    for old, new in (('balance', 'lambda_'), ('threshold', 'beta')):
        value = state_dict.pop(f'{prefix}{old}', None)
        if value is not None:
            state_dict[f'{prefix}{new}'] = value


def _minimum_norm(matrix: Tensor, vector: Tensor) -> Tensor:
    """Shortest x of least |Λx − f|, for symmetric Λ (B, N, N), f (B, N).

    In float64, whose rounding tells what is zero from what is small.
    """
    inverse = torch.linalg.pinv(matrix.double(), hermitian=True)
    solved = (inverse @ vector.double().unsqueeze(2)).squeeze(2)
    return solved.to(vector.dtype)


def _full_precision(x: Tensor) -> Tensor:
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def _calibrate(
    blocks: Iterable[ActivationDiffusionBlock],
    semantic: Tensor,
    attention: Tensor,
    features: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Gain and F after the last block; ones and F⁰ where there is none."""
    found = torch.ones_like(attention), attention
    for after in _gains(blocks, semantic, attention, features):
        found = after
    return tuple(map(_full_precision, found))


def _gains(
    blocks: Iterable[ActivationDiffusionBlock],
    semantic: Tensor,
    attention: Tensor,
    features: Tensor | None = None,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (gain, F) after every block; S after it is S⁰ · gain."""
    if semantic.dim() != 4 or attention.shape != (
        semantic.size(0),
        *semantic.shape[2:],
    ):
        raise ValueError(
            'expected a semantic map (B, C, h, w) and an attention map '
            f'(B, h, w), but got {tuple(semantic.shape)} and '
            f'{tuple(attention.shape)}'
        )
    with torch.autocast(semantic.device.type, enabled=False):
        cosine = grid_cosine(
            _full_precision(semantic if features is None else features)
        )
        attention = _full_precision(attention)
        gain = torch.ones_like(attention)
        for block in blocks:
            activation = block.activation(cosine, attention)
            attention = attention + activation
            gain = gain * (1 + activation)
            yield gain, attention
