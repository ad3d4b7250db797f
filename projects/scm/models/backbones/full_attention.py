# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""All of the attention of a transformer, for methods that look at it all."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from mmpretrain.registry import MODELS
from torch import Tensor

from projects.scm.structures import TokenFeatures

from .attention_tap import RedirectedAttention
from .tscam_timm import TSCAMTimm
from .tscam_vit import TSCAMViT


class FullAttention(RedirectedAttention):
    """Within it, fused attention is explicit and its weights are kept.

    Memory is that of (B, heads, N, N) for every layer, which the backbones
    themselves avoid.

    Args:
        as_leaves (bool): Whether the weights are kept as leaves that take
            gradients, cut off from what came before. Defaults to False.
        part (Callable, optional): What of the weights of a layer is kept.
            Defaults to None, all.

    Attributes:
        weights (list[Tensor]): (B, heads, N, N) of each layer that ran, rows
            sum to 1; or what ``part`` makes of them.
    """

    def __init__(
        self,
        as_leaves: bool = False,
        part: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.as_leaves = as_leaves
        self.part = part
        self.weights: list[Tensor] = []

    def attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
    ) -> Tensor:
        """As torch's function, whose arguments these are."""
        del is_causal  # refused by the tap, which comes before
        scale = query.size(-1) ** -0.5 if scale is None else scale
        logits = query @ key.mT * scale
        if attn_mask is not None:
            logits = logits + attn_mask
        weights = logits.softmax(-1)
        if self.as_leaves:
            weights = weights.detach().requires_grad_()
        self.weights.append(self.part(weights) if self.part else weights)
        return F.dropout(weights, dropout_p, dropout_p > 0) @ value

    def of(self, layers: Sequence) -> list[Tensor]:
        """The weights, one of each layer.

        Args:
            layers (Sequence): The layers that have just run.

        Raises:
            TypeError: If not every layer attended once.
        """
        if len(self.weights) != len(layers):
            raise TypeError(
                f'{len(layers)} layers, but fused attention was called '
                f'{len(self.weights)} times: a backbone with fused attention '
                'in every layer is needed (TSCAMViT, TSCAMDeiT3, TSCAMTimm)'
            )
        return self.weights


def rollout(weights: Sequence[Tensor]) -> Tensor:
    """How much of every token reaches the class token through all layers.

    Every layer mixes tokens by half of its attention, mean over heads, and
    half of the identity, which stands for the residual connection
    (*Quantifying Attention Flow in Transformers*, ACL 2020).

    Args:
        weights (Sequence[Tensor]): (B, heads, N, N) of each layer, in order;
            the class token comes first.

    Returns:
        Tensor: Shape (B, N), rows sum to 1.
    """
    last = weights[-1]
    row = last.new_zeros(len(last), 1, last.size(-1))
    row[..., 0] = 1
    for layer in reversed(weights):
        row = (row + row @ layer.mean(1)) / 2
    return row.squeeze(1)


class RolloutMixin:
    """Gives the rollout of attention as the only map of ``cls_attention``.

    Every head of the project may stand on it; ``AttentionHead`` shows it as
    it is.
    """

    def forward(self, x: Tensor) -> tuple[TokenFeatures]:
        """Run the parent; see :class:`TokenAttentionMixin`."""
        with FullAttention() as seen:
            (tokens,) = super().forward(x)
        row = rollout(seen.of(self.layers))[:, self.num_extra_tokens :]
        attention = row.unflatten(1, tokens.patch.shape[2:]).unsqueeze(1)
        return (tokens._replace(cls_attention=attention),)


@MODELS.register_module()
class RolloutViT(RolloutMixin, TSCAMViT):
    """ViT, DeiT or DINOv2 whose attention map is the rollout."""


@MODELS.register_module()
class RolloutTimm(RolloutMixin, TSCAMTimm):
    """A vision transformer of timm whose attention map is the rollout."""


class PatchAttentionMixin:
    """Gives the attention among patches too; without it while training."""

    def forward(self, x: Tensor) -> tuple[TokenFeatures]:
        """Run the parent; see :class:`TokenAttentionMixin`."""
        if self.training:
            return super().forward(x)
        with among_patches(self) as seen:
            (tokens,) = super().forward(x)
        among = torch.stack(seen.of(self.layers), 1)
        return (tokens._replace(patch_attention=among),)


@MODELS.register_module()
class PatchAttentionViT(PatchAttentionMixin, TSCAMViT):
    """ViT, DeiT or DINOv2 for ``SCMPlusHead``."""


@MODELS.register_module()
class PatchAttentionTimm(PatchAttentionMixin, TSCAMTimm):
    """A vision transformer of timm for ``SCMPlusHead``."""


@contextmanager
def _layer_tokens(layers: Sequence) -> Iterator[list[Tensor]]:
    """Keep the class token behind every layer, cut off between layers."""
    tokens: list[Tensor] = []

    def cut(layer: Any, args: tuple) -> tuple:
        return (args[0].detach(), *args[1:])

    def keep(layer: Any, args: tuple, output: Tensor) -> None:
        tokens.append(output[:, 0])

    with ExitStack() as hooks:
        for layer in layers:
            hooks.enter_context(layer.register_forward_pre_hook(cut))
            hooks.enter_context(layer.register_forward_hook(keep))
        yield tokens


@dataclass(eq=False)
class LayerSensitivity:
    """How class tokens behind each layer depend on that layer's attention.

    Args:
        tokens (list[Tensor]): (B, D) of each layer, after the last norm.
        weights (list[Tensor]): (B, heads, N, N) of each layer, leaves.
        extra_tokens (int): Tokens before the patch tokens.
        grid (tuple[int, int]): Rows and columns of patches.
    """

    tokens: list[Tensor]
    weights: list[Tensor]
    extra_tokens: int
    grid: tuple[int, int]

    def maps(self, score: Callable[[Tensor], Tensor]) -> Tensor:
        """LeGrad's map of a score, before any scaling.

        Args:
            score (Callable): From a class token (B, D) to scores (B,).

        Returns:
            Tensor: Shape (B, h, w), at least 0: the positive part of the
            gradient of each layer's score by its attention, mean over heads,
            queries and layers.
        """
        with torch.enable_grad():
            # Layers are cut off from each other: one pass serves all.
            total = sum(score(token).sum() for token in self.tokens)
        gradients = torch.autograd.grad(total, self.weights, retain_graph=True)
        parts = [g.clamp(min=0).mean((1, 2)) for g in gradients]
        mean = torch.stack(parts).mean(0)
        return mean[:, self.extra_tokens :].unflatten(1, self.grid)


class LeGradMixin:
    """Gives what LeGrad needs before the tokens; without it while training.

    *LeGrad: An Explainability Method for Vision Transformers via Feature
    Formation Sensitivity* (ICCV 2025). Each layer is run with its graph, and
    no further back.
    """

    def forward(self, x: Tensor) -> tuple:
        """Run the parent.

        Args:
            x (Tensor): Pictures, shape (B, 3, H, W).

        Returns:
            tuple: A :class:`LayerSensitivity`, not while training, and
            TokenFeatures.
        """
        if self.training:
            return super().forward(x)
        seen = FullAttention(as_leaves=True)
        with torch.enable_grad(), _layer_tokens(self.layers) as behind, seen:
            (tokens,) = super().forward(x)
            cls_tokens = [self.last_norm(t) for t in behind]
        sensitivity = LayerSensitivity(
            cls_tokens,
            seen.of(self.layers),
            self.num_extra_tokens,
            tuple(tokens.patch.shape[2:]),
        )
        free = (t.detach() for t in tokens[:3])
        return sensitivity, TokenFeatures(*free, tokens.input_hw)


@MODELS.register_module()
class LeGradViT(LeGradMixin, TSCAMViT):
    """ViT, DeiT or DINOv2 for ``LeGradHead``."""

    @property
    def last_norm(self) -> Callable[[Tensor], Tensor]:
        """The norm behind the last layer."""
        return self.ln1 if self.final_norm else torch.nn.Identity()


@MODELS.register_module()
class LeGradTimm(LeGradMixin, TSCAMTimm):
    """A vision transformer of timm for ``LeGradHead``."""

    @property
    def last_norm(self) -> Callable[[Tensor], Tensor]:
        """The norm behind the last block."""
        return self.timm_model.norm


def among_patches(backbone: torch.nn.Module) -> FullAttention:
    """A :class:`FullAttention` that keeps the attention among patches.

    Args:
        backbone (torch.nn.Module): With ``num_extra_tokens`` before the
            patches.

    Returns:
        FullAttention: Its weights are (B, N, N), means over heads.
    """
    extra = backbone.num_extra_tokens
    return FullAttention(part=lambda w: w[:, :, extra:, extra:].mean(1))


def shows_all_attention(backbone: torch.nn.Module) -> bool:
    """Whether a :class:`FullAttention` around a backbone sees its layers.

    Args:
        backbone (torch.nn.Module): Of any kind.

    Returns:
        bool: False for networks without tokens, and for those that look at
        their own attention already.
    """
    return (
        hasattr(backbone, 'layers')
        and hasattr(backbone, 'num_extra_tokens')
        and not isinstance(backbone, (RolloutMixin, LeGradMixin))
    )
