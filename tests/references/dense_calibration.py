# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Spatial calibration written down literally: dense matrices and autograd.

The oracle of tests and benchmarks. It follows the formulas of the method line
by line, keeps every N×N matrix, and shares no code with the package.
"""

import torch
import torch.nn.functional as F


def grid_adjacency(height, width, like):
    """4-neighbour adjacency matrix of a grid, (N, N)."""
    rows = torch.arange(height * width, device=like.device) // width
    columns = torch.arange(height * width, device=like.device) % width
    distance = (rows[:, None] - rows).abs() + (
        columns[:, None] - columns
    ).abs()
    return (distance == 1).to(like.dtype)


def dense_block(
    semantic, attention, iterations, balance, threshold, alpha=0.002
):
    """One activation diffusion block on (B, C, h, w) and (B, h, w)."""
    height, width = semantic.shape[2:]
    adjacency = grid_adjacency(height, width, semantic)
    laplacian = torch.diag(adjacency.sum(1)) - adjacency
    identity = torch.eye(height * width).to(semantic)

    unit = F.normalize(semantic.flatten(2), dim=1)
    similarity = unit.transpose(1, 2) @ unit
    operator = laplacian * (balance * similarity - 1)

    inverse = alpha * operator.transpose(1, 2).detach()
    for _ in range(iterations):
        inverse = inverse @ (2 * identity - operator @ inverse)

    flat = attention.flatten(1)
    diffused = (inverse.transpose(1, 2) @ flat.unsqueeze(-1)).squeeze(-1)
    bound = threshold * flat.amax(1, keepdim=True)
    filtered = diffused / bound - torch.tanh(diffused / bound)
    low = filtered.amin(1, keepdim=True)
    high = filtered.amax(1, keepdim=True)
    filtered = ((filtered - low) / (high - low)).view_as(attention)
    return semantic + semantic * filtered.unsqueeze(1), attention + filtered


def dense_calibration(
    semantic, attention, iterations, balances, thresholds, alpha=0.002
):
    """Blocks one after the other; balances and thresholds one a block."""
    for p, balance, threshold in zip(
        iterations, balances, thresholds, strict=True
    ):
        semantic, attention = dense_block(
            semantic, attention, p, balance, threshold, alpha
        )
    return semantic, attention
