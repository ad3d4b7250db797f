# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""A warm-up as long as a share of the run."""

from typing import Any

from mmengine.optim import LinearLR
from mmengine.registry import PARAM_SCHEDULERS


@PARAM_SCHEDULERS.register_module()
class WarmUpLR(LinearLR):
    """MMEngine's ``LinearLR`` over the first share of all iterations.

    A number of iterations fits one size of data set: of a run of 60
    iterations, a warm-up of 50 leaves nothing. Configs set
    ``convert_to_iter_based=True``, which tells the number of iterations.

    Args:
        optimizer (Optimizer | OptimWrapper): Wrapped optimizer.
        share (float): Of the whole run, in [0, 1). Below two iterations
            there is no warm-up. Defaults to 0.1.
        **kwargs: Of ``LinearLR``.

    Raises:
        ValueError: If the share is out of its range, or the number of
            iterations is not known.
    """

    def __init__(self, optimizer: Any, *args: Any, **kwargs: Any) -> None:
        if 'share' in kwargs or kwargs.get('by_epoch', True):
            raise ValueError(
                'WarmUpLR: set convert_to_iter_based=True; its length is a '
                'share of all iterations'
            )
        super().__init__(optimizer, *args, **kwargs)

    @classmethod
    def build_iter_from_epoch(
        cls,
        *args: Any,
        share: float = 0.1,
        end: int | None = None,
        epoch_length: int | None = None,
        **kwargs: Any,
    ) -> 'WarmUpLR':
        """Called by the Runner; ``end`` is the number of epochs."""
        if not 0 <= share < 1:
            raise ValueError(f'share: expected 0 <= share < 1, got {share}')
        kwargs.pop('by_epoch', None)
        length = round(share * end * epoch_length)
        if length < 2:
            # LinearLR leaves the rate at its start where it has one step.
            length, kwargs['start_factor'] = 2, 1.0
        return cls(*args, end=length, by_epoch=False, **kwargs)
