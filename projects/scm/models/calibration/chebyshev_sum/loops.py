# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The recurrences on arrays, image by image, compiled."""

import numpy as np

from projects.scm.utils.compiling import njit


@njit(cache=True, nogil=True)
def _multiply(
    diagonal: np.ndarray,
    right: np.ndarray,
    down: np.ndarray,
    x: np.ndarray,
    out: np.ndarray,
) -> None:
    """Write Λx; a loop for each line of Λ, which the compiler vectorises."""
    n, w = x.size, x.size - down.size
    for i in range(n):
        out[i] = diagonal[i] * x[i]
    for i in range(n - 1):
        out[i] += right[i] * x[i + 1]
    for i in range(n - 1):
        out[i + 1] += right[i] * x[i]
    for i in range(n - w):
        out[i] += down[i] * x[i + w]
    for i in range(n - w):
        out[i + w] += down[i] * x[i]


@njit(cache=True, nogil=True)
def _advance(
    diagonal: np.ndarray,
    right: np.ndarray,
    down: np.ndarray,
    scale: float,
    factor: float,
    before: np.ndarray,
    now: np.ndarray,
    once: np.ndarray,
    twice: np.ndarray,
) -> None:
    """From x_{k-1}, x_k to x_k, factor · S x_k − x_{k-1}.

    Leaves Λ x_k in ``once``.
    """
    _multiply(diagonal, right, down, now, once)
    _multiply(diagonal, right, down, once, twice)
    for i in range(now.size):
        following = factor * (scale * twice[i] - now[i]) - before[i]
        before[i] = now[i]
        now[i] = following


@njit(cache=True, nogil=True)
def apply_sum(
    alpha: float,
    terms: np.ndarray,
    diagonal: np.ndarray,
    right: np.ndarray,
    down: np.ndarray,
    vector: np.ndarray,
    result: np.ndarray,
) -> None:
    """Write Z_0 Σ_k c_k t_k of every image."""
    scale, c = 2 / terms[0] ** 2, terms[1:]
    for b in range(len(vector)):
        d, r, v = diagonal[b], right[b], down[b]
        before, now = np.zeros_like(vector[b]), vector[b].copy()
        once, twice = np.empty_like(now), np.empty_like(now)
        total = c[0] * now
        for k in range(1, c.size):
            factor = 1.0 if k == 1 else 2.0
            _advance(d, r, v, scale, factor, before, now, once, twice)
            for i in range(now.size):
                total[i] += c[k] * now[i]
        _multiply(d, r, v, alpha * total, result[b])


@njit(cache=True, nogil=True)
def pull_back(
    alpha: float,
    terms: np.ndarray,
    diagonal: np.ndarray,
    right: np.ndarray,
    down: np.ndarray,
    vector: np.ndarray,
    grad: np.ndarray,
    grad_diagonal: np.ndarray,
    grad_right: np.ndarray,
    grad_down: np.ndarray,
    grad_vector: np.ndarray,
) -> None:
    """Add up the adjoint of :func:`apply_sum`, of every image."""
    scale, c = 2 / terms[0] ** 2, terms[1:]
    n = vector.shape[1]
    w = n - down.shape[1]
    products = np.empty((c.size - 1, n))
    for b in range(len(vector)):
        d, r, v = diagonal[b], right[b], down[b]
        before, now = np.zeros(n), vector[b].copy()
        once, twice = np.empty(n), np.empty(n)
        for k in range(c.size - 1):  # Λ t_k
            factor = 1.0 if k == 0 else 2.0
            _advance(d, r, v, scale, factor, before, now, products[k], twice)

        start = np.empty(n)
        _multiply(d, r, v, alpha * grad[b], start)
        after, now = np.zeros(n), c[c.size - 1] * start  # a_{k+2}, a_{k+1}
        gd, gr, gv = grad_diagonal[b], grad_right[b], grad_down[b]
        for k in range(c.size - 2, -1, -1):
            factor = 1.0 if k == 0 else 2.0
            t, weight = products[k], factor * scale
            for i in range(n):
                gd[i] += weight * now[i] * t[i]
            for i in range(n - 1):
                gr[i] += weight * (now[i] * t[i + 1] + now[i + 1] * t[i])
            for i in range(n - w):
                gv[i] += weight * (now[i] * t[i + w] + now[i + w] * t[i])
            _advance(d, r, v, scale, factor, after, now, once, twice)
            for i in range(n):
                now[i] += c[k] * start[i]
        grad_vector[b] = now
