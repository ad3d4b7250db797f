# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Reading the class token's attention without copying a forward.

Two seams of the attention modules of mmpretrain are used, and the call of the
fused kernel itself where there is none (timm). All taps have no parameters
and no buffers, so state dicts stay those of the stock backbones.
"""

import threading
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from mmpretrain.models.utils import MultiheadAttention
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.checkpoint import checkpoint


class _Kept(threading.local):
    """What a tap keeps, for every thread its own: threads share a model."""

    row: Tensor | None = None
    with_graph = True

    def __reduce__(self) -> tuple:
        """Copies, and pickles, start with nothing kept."""
        return type(self), ()


class _AttentionTap(nn.Module):
    """Keeps the class token's row of one layer until it is taken."""

    def __init__(self) -> None:
        super().__init__()
        self._kept = _Kept()

    def put(self, row: Tensor) -> None:
        """Keep a row (B, N), and whether autograd was on."""
        self._kept.row = row
        self._kept.with_graph = torch.is_grad_enabled()

    def forget(self) -> None:
        """Keep nothing."""
        self._kept.row = None

    def take(self) -> Tensor:
        """Return the row of the last forward and forget it.

        Returns:
            Tensor: Attention of the class token (position 0) to all tokens,
            mean over heads, shape (B, N); rows sum to 1.

        Raises:
            RuntimeError: If the layer did not run, or ran without autograd
                inside a forward with it, as reentrant activation
                checkpointing does: the row would silently have no gradient.
        """
        row = self._kept.row
        self.forget()
        if row is None:
            raise RuntimeError(
                'no class-token attention was recorded: the layer did not run '
                'since the last one was taken'
            )
        if torch.is_grad_enabled() and not self._kept.with_graph:
            raise RuntimeError(
                'a layer ran without autograd, so that its class-token '
                'attention has no gradient. If this comes from '
                '`activation_checkpointing` in the config (MMEngine '
                'checkpoints reentrantly): set model.backbone.with_cp=True '
                'instead, or name only modules without attention in them, '
                'such as backbone.layers.0.ffn.layers'
            )
        return row


class CheckpointedForward:
    """Forward of a layer that is computed again in the backward pass.

    The row leaves the checkpointed function as an output, so it has its
    gradient, and running the layer again leaves nothing behind.

    Args:
        forward (Callable): Forward of the layer.
        tap (_AttentionTap): The tap in it.
    """

    def __init__(self, forward: Callable, tap: _AttentionTap) -> None:
        self.forward = forward
        self.tap = tap

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        """Run the layer, checkpointed where autograd is on."""
        if not torch.is_grad_enabled():
            return self.forward(*args, **kwargs)
        out, row = checkpoint(self._run, *args, use_reentrant=False, **kwargs)
        self.tap.put(row)
        return out

    def _run(self, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        try:
            return self.forward(*args, **kwargs), self.tap.take()
        finally:
            # The second run stops as soon as all it was needed for is there.
            self.tap.forget()


class FusedAttentionTap(_AttentionTap):
    """Fused attention, with the class token's row computed beside it.

    Stands in for the attribute ``scaled_dot_product_attention`` of
    mmpretrain's ``MultiheadAttention``, or for the call of torch's function
    (:class:`TappedForward`). The row needs the query of one token only, so
    memory is linear in tokens and no N×N map exists.

    Args:
        scale (float, optional): Factor on query·key. Defaults to None, that
            is (channels of a head) ** -0.5.
    """

    def __init__(self, scale: float | None = None) -> None:
        super().__init__()
        self.scale = scale

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
    ) -> Tensor:
        """Attend.

        Args:
            query (Tensor): Shape (B, heads, N, d), class token first.
            key (Tensor): Shape (B, heads, N, d).
            value (Tensor): Shape (B, heads, N, d).
            attn_mask (Tensor, optional): Added to scaled query·key, such as
                a bias by relative position; broadcasts to (B, heads, N, N).
                Defaults to None.
            dropout_p (float): Dropout of the attention weights; the recorded
                row is the one before dropout.
            is_causal (bool): Must be False: a class token that comes first
                would see nothing.

        Returns:
            Tensor: Shape (B, heads, N, d).

        Raises:
            ValueError: If attention is causal.
        """
        if is_causal:
            raise ValueError('causal attention leaves the class token alone')
        scale = query.size(-1) ** -0.5 if self.scale is None else self.scale
        # A product of matrices would copy the keys, and keep the copy.
        logits = torch.linalg.vecdot(query[:, :, :1] * scale, key)
        if attn_mask is not None:
            logits = logits + attn_mask[..., 0, :]
        self.put(logits.softmax(-1).mean(1))
        return F.scaled_dot_product_attention(
            query, key, value, attn_mask, dropout_p, scale=scale
        )


class RedirectedAttention(TorchFunctionMode):
    """Within it, something else is called than torch's fused attention.

    Args:
        attend (Callable, optional): What is called, with the same arguments.
            Defaults to None, the method of this name of a subclass.

    Attributes:
        calls (int): How often it was.
    """

    def __init__(self, attend: Callable | None = None) -> None:
        super().__init__()
        self.calls = 0
        if attend is not None:
            self.attend = attend

    def __torch_function__(
        self,
        func: Callable,
        types: Any,
        args: tuple = (),
        kwargs: dict | None = None,
    ) -> Any:
        """Run ``func``, or what stands for it."""
        if func is F.scaled_dot_product_attention:
            func = self.attend
            self.calls += 1
        return func(*args, **(kwargs or {}))


class TappedForward:
    """Forward of a module in which fused attention goes through a tap.

    Whatever the module does to queries and keys before (norms, rotary
    embeddings, a bias) is then in the row, and no line of it is copied.

    Args:
        forward (Callable): Forward of a module that calls
            ``torch.nn.functional.scaled_dot_product_attention`` once.
        tap (FusedAttentionTap): Called instead.
    """

    def __init__(self, forward: Callable, tap: FusedAttentionTap) -> None:
        self.forward = forward
        self.tap = tap

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        """Run the module.

        Raises:
            TypeError: If it does not attend, or more than once.
        """
        with RedirectedAttention(self.tap) as redirect:
            out = self.forward(*args, **kwargs)
        if redirect.calls != 1:
            raise TypeError(
                'expected a module that calls scaled_dot_product_attention '
                f'once, but {self.forward} called it {redirect.calls} times: '
                'its class-token attention is not one softmax'
            )
        return out


class DropoutTap(_AttentionTap):
    """Dropout on explicit attention weights that records the row passing it.

    Stands in for the module ``attn_drop`` of attention modules that compute
    the softmax themselves (BEiT, EVA-02).

    Args:
        p (float): Dropout probability.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, attention: Tensor) -> Tensor:
        """Drop.

        Args:
            attention (Tensor): Post-softmax weights (B, heads, N, N).

        Returns:
            Tensor: The same with dropout while training.
        """
        self.put(attention[:, :, 0].mean(1))
        return F.dropout(attention, self.p, self.training)


class OutputTap(_AttentionTap):
    """Keeps what a module returned until it is taken.

    For a part of a forward whose result the forward itself reduces.

    Args:
        module (nn.Module): Its outputs are kept.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        module.register_forward_hook(self._keep)

    def _keep(self, module: nn.Module, args: Any, output: Tensor) -> None:
        self.put(output)


def attach_taps(
    layers: nn.ModuleList, scale: float | None = None
) -> list[_AttentionTap]:
    """Put a tap into the attention of every layer.

    Args:
        layers (nn.ModuleList): Encoder layers with an attribute ``attn``.
        scale (float, optional): Factor on query·key instead of the layer's
            own. Only for ``MultiheadAttention``. Defaults to None.

    Returns:
        list[_AttentionTap]: One tap a layer, in order.

    Raises:
        TypeError: If a layer's attention has neither seam (windowed
            attention, for instance), or has no place for ``scale``.
        ValueError: If ``qk_scale`` is set on a layer: the host's
            implementation of it inverts the scale.
    """
    taps = []
    for index, layer in enumerate(layers):
        attention = getattr(layer, 'attn', None)
        if isinstance(attention, MultiheadAttention):
            if (
                attention.scaled_dot_product_attention
                is not F.scaled_dot_product_attention
            ):
                raise ValueError(
                    f'layer {index}: `qk_scale` in `layer_cfgs` is not '
                    'supported (mmpretrain inverts it); set '
                    '`attention_scale` of the backbone instead'
                )
            tap = FusedAttentionTap(scale)
            attention.scaled_dot_product_attention = tap
        elif (
            isinstance(getattr(attention, 'attn_drop', None), nn.Dropout)
            and not hasattr(attention, 'w_msa')
            and scale is None
        ):
            tap = DropoutTap(attention.attn_drop.p)
            attention.attn_drop = tap
        else:
            raise TypeError(
                f'layer {index}: cannot read class-token attention from '
                f'{type(attention).__name__}'
                + (f' with attention_scale={scale}' if scale else '')
                + '. Global self-attention with a class token is needed '
                '(mmpretrain MultiheadAttention, or one with an `attn_drop`)'
            )
        taps.append(tap)
    return taps


class TappedMixin:
    """What backbones with taps share; put it before those of mmpretrain."""

    def train(self, mode: bool = True) -> nn.Module:
        """Set the mode and, unlike the parent, return the module."""
        super().train(mode)
        return self

    @classmethod
    def _pop_fixed(
        cls, kwargs: dict[str, Any], why: str, **fixed: Any
    ) -> None:
        """Take arguments out that can have one value alone.

        Raises:
            ValueError: If one is given another value.
        """
        for name, value in fixed.items():
            if kwargs.pop(name, value) != value:
                raise ValueError(
                    f'{cls.__name__} needs {name}={value!r}: {why}'
                )


def stack_rows(
    taps: list[_AttentionTap], extra_tokens: int, grid: tuple[int, int]
) -> Tensor:
    """Take the rows of all layers as maps over the patches.

    Args:
        taps (list[_AttentionTap]): Taps of K layers that have just run.
        extra_tokens (int): Tokens before the patch tokens.
        grid (tuple[int, int]): Rows h and columns w of patches.

    Returns:
        Tensor: Shape (B, K, h, w).
    """
    rows = torch.stack([tap.take() for tap in taps], dim=1)
    return rows[..., extra_tokens:].unflatten(-1, grid)
