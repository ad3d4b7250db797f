# Copyright (c) SCM-WSOL contributors. All rights reserved.
from unittest import mock

import numpy as np
import pytest
import torch
from references.dense_calibration import dense_calibration

from projects.scm.models.calibration import (
    ActivationDiffusionBlock,
    SpatialCalibration,
    min_max,
    spatial_calibration,
)

FIGURES = [
    'adb_single_p4',
    'adb_single_p16',
    'scm_default',
    'scm_learned',
    'scm_rect',
    'scm_conformer',
]


def relative(ours, reference):
    ours, reference = np.asarray(ours), np.asarray(reference)
    return np.abs(ours - reference).max() / np.abs(reference).max()


def from_figures(figures):
    module = SpatialCalibration(figures['iterations'].tolist()).double()
    for block, lam, beta in zip(
        module.blocks, figures['lam'], figures['beta'], strict=True
    ):
        block.lambda_.data.fill_(lam)
        block.beta.data.fill_(beta)
    semantic = torch.tensor(figures['S0'])
    attention = torch.tensor(figures['F0']).unflatten(1, semantic.shape[2:])
    return module, semantic.requires_grad_(), attention.requires_grad_()


def inputs(batch=2, classes=5, height=6, width=6, dtype=torch.float32):
    torch.manual_seed(0)
    semantic = torch.randn(batch, classes, height, width, dtype=dtype)
    attention = min_max(torch.rand(batch, height, width, dtype=dtype))
    return semantic.requires_grad_(), attention.requires_grad_()


@pytest.mark.parametrize('name', FIGURES)
def test_official_figures(name, parity_dir):
    figures = np.load(parity_dir / f'{name}.npz')
    module, semantic, attention = from_figures(figures)

    for i, (s, f) in enumerate(module.trace(semantic, attention), 1):
        assert relative(s.detach(), figures[f'S{i}']) < 1e-9
        assert relative(f.detach().flatten(1), figures[f'F{i}']) < 1e-9

    s, f = module(semantic, attention)
    loss = (s * torch.tensor(figures['cot_S'])).sum()
    loss = loss + (f.flatten(1) * torch.tensor(figures['cot_F'])).sum()
    loss.backward()
    assert relative(semantic.grad, figures['grad_S0']) < 1e-9
    assert relative(attention.grad.flatten(1), figures['grad_F0']) < 1e-9
    lam = [block.lambda_.grad.item() for block in module.blocks]
    beta = [block.beta.grad.item() for block in module.blocks]
    assert relative(lam, figures['grad_lam']) < 1e-9
    assert relative(beta, figures['grad_beta']) < 1e-9


def test_a_block_alone_is_a_stack_of_one(parity_dir):
    figures = np.load(parity_dir / 'adb_single_p16.npz')
    _, semantic, attention = from_figures(figures)
    block = ActivationDiffusionBlock(16).double()
    s, f = block(semantic, attention)
    assert relative(s.detach(), figures['S1']) < 1e-9
    assert relative(f.detach().flatten(1), figures['F1']) < 1e-9


def test_no_iterations_start_with_alpha_lambda():
    semantic, attention = inputs(dtype=torch.float64)
    ours = SpatialCalibration((0, 1)).double()(semantic, attention)
    oracle = dense_calibration(
        semantic, attention, (0, 1), (1.0, 1.0), (0.5, 0.5)
    )
    for mine, theirs in zip(ours, oracle, strict=True):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize(('height', 'width'), [(14, 14), (5, 9), (1, 6)])
def test_equals_the_dense_oracle_in_float32(height, width):
    semantic, attention = inputs(height=height, width=width)
    module = SpatialCalibration((6, 2))
    ours = module(semantic, attention)
    oracle = dense_calibration(
        semantic, attention, (6, 2), (1.0, 1.0), (0.5, 0.5)
    )
    for mine, theirs in zip(ours, oracle, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('smooth', [False, True])
def test_float32_gradients_are_as_good_as_those_of_the_dense_form(smooth):
    module = SpatialCalibration()
    ones = [torch.ones(())] * 4
    halves = [torch.full((), 0.5)] * 4

    def dense(s, f):
        return dense_calibration(s, f, (16, 4, 4, 4), ones, halves)

    def gradient(run, dtype):
        s = semantic.to(dtype, copy=True).requires_grad_()
        f = attention.to(dtype, copy=True).requires_grad_()
        (run(s, f)[0] * weights.to(dtype)).sum().backward()
        return torch.cat([s.grad.flatten(), f.grad.flatten()]).double()

    ours, theirs = [], []
    for seed in range(5):
        torch.manual_seed(seed)
        semantic = torch.randn(2, 20, 14, 14)
        attention = torch.rand(2, 14, 14)
        if smooth:
            semantic = torch.nn.functional.avg_pool2d(semantic, 7, 1, 3)
            attention = torch.nn.functional.avg_pool2d(attention, 3, 1, 1)
        attention = min_max(attention)
        weights = torch.randn(semantic.shape)
        exact = gradient(dense, torch.float64)
        ours.append((gradient(module, torch.float32) - exact).norm())
        theirs.append((gradient(dense, torch.float32) - exact).norm())
    # Rounding is luck in a single case, so the geometric means compare.
    assert torch.stack(ours).log().mean() <= torch.stack(theirs).log().mean()


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_precision_is_left(dtype):
    semantic, attention = (x.detach().to(dtype) for x in inputs())
    module = SpatialCalibration((4,))
    expected = module(semantic.float(), attention.float())
    for mine, theirs in zip(
        module(semantic, attention), expected, strict=True
    ):
        assert mine.dtype == torch.float32
        torch.testing.assert_close(mine, theirs)


def test_autocast_is_left():
    semantic, attention = inputs()
    module = SpatialCalibration()
    expected = module(semantic, attention)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        inside = module(semantic, attention)
        half, _ = module(semantic.bfloat16(), attention.bfloat16())
        half.sum().backward()
    for mine, theirs in zip(inside, expected, strict=True):
        assert mine.dtype == torch.float32
        torch.testing.assert_close(mine, theirs)
    assert half.dtype == torch.float32
    assert semantic.grad.isfinite().all()
    assert all(p.grad.isfinite().all() for p in module.parameters())


@pytest.mark.parametrize(
    'case',
    [
        'constant attention',
        'zero attention',
        'constant semantic',
        'zero semantic',
        'one zero vector',
        'nearly constant semantic',
    ],
)
def test_degenerate_maps_stay_finite(case):
    semantic, attention = (x.detach() for x in inputs(2, 8, 14, 14))
    if case == 'constant attention':
        attention = torch.ones_like(attention)
    elif case == 'zero attention':
        attention = torch.zeros_like(attention)
    elif case == 'constant semantic':
        semantic = torch.ones_like(semantic)
    elif case == 'zero semantic':
        semantic = torch.zeros_like(semantic)
    elif case == 'one zero vector':
        semantic[:, :, 3, 4] = 0
    else:  # as a network just initialised gives; NaN in the literal form
        semantic = 1 + 1e-4 * semantic
    semantic.requires_grad_()
    attention.requires_grad_()
    module = SpatialCalibration()

    s, f = module(semantic, attention)
    (s.square().mean() + f.mean()).backward()

    assert s.isfinite().all()
    assert f.isfinite().all()
    for tensor in (semantic, attention, *module.parameters()):
        assert tensor.grad.isfinite().all()


def test_the_literal_form_would_have_failed():
    semantic = 1 + 1e-4 * torch.randn(
        1, 8, 14, 14, generator=torch.Generator().manual_seed(0)
    )
    attention = min_max(
        torch.rand(1, 14, 14, generator=torch.Generator().manual_seed(0))
    )
    exact, _ = dense_calibration(
        semantic.double(), attention.double(), (16,), (1.0,), (0.5,)
    )
    literal, _ = dense_calibration(semantic, attention, (16,), (1.0,), (0.5,))
    ours, _ = SpatialCalibration((16,))(semantic, attention)

    error = (ours.double() - exact).abs().max()
    naive = (literal.double() - exact).abs().max()
    assert not naive <= 10 * error  # larger, or NaN


def test_lambda_and_beta_learn():
    semantic, attention = inputs(2, 6, 14, 14)
    module = SpatialCalibration()
    s, _ = module(semantic, attention)
    (s * torch.randn_like(s)).sum().backward()
    for block in module.blocks:
        assert block.lambda_.grad.abs() > 0
        assert block.beta.grad.abs() > 0


def test_a_negative_beta_turns_the_filter_around():
    """z − tanh z is odd, so what is o with β is 1 − o with −β."""
    semantic, attention = inputs(dtype=torch.float64)
    found = [
        ActivationDiffusionBlock(beta=beta).double()(semantic, attention)[1]
        for beta in (0.4, -0.4)
    ]
    plus, minus = (f - attention for f in found)
    torch.testing.assert_close(minus, 1 - plus)


def test_images_of_a_batch_are_alone():
    """Another range of attention beside it changes nothing."""
    semantic, attention = inputs(dtype=torch.float64)
    attention = attention.detach() * torch.tensor([1.0, 0.2]).view(2, 1, 1)
    module = SpatialCalibration().double()
    together = module(semantic, attention)
    for i in range(2):
        alone = module(semantic[i : i + 1], attention[i : i + 1])
        for mine, theirs in zip(together, alone, strict=True):
            torch.testing.assert_close(mine[i], theirs[0])


def test_many_iterations_are_an_exact_solve():
    semantic, attention = inputs(1, 4, 4, 4, torch.float64)
    exact = SpatialCalibration((None,)).double()
    iterated = SpatialCalibration((40,)).double()
    for ours, theirs in zip(
        iterated(semantic, attention), exact(semantic, attention), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-8)


def shortest_solution(matrix, vector):
    """The solution and the rank of a symmetric matrix."""
    if len(vector) < 1000:
        solution, _, rank, _ = np.linalg.lstsq(matrix, vector, rcond=None)
        return solution, rank
    values, vectors = np.linalg.eigh(matrix)  # a tenth of the time
    vectors = vectors[:, abs(values) > 1e-12]
    values = values[abs(values) > 1e-12]
    return vectors @ (vectors.T @ vector / values), len(values)


@pytest.mark.parametrize('side', [5, 15, 37])
def test_odd_grids_have_a_shortest_solution(side):
    """With λ = 1 the grid is bipartite, so Λ of an odd one is singular."""
    semantic, attention = inputs(1, 4, side, side)
    seen = {}

    def keep(matrix, vector):
        seen.update(matrix=matrix[0].detach(), vector=vector[0].detach())
        seen['solved'] = solve(matrix, vector)
        return seen['solved']

    solve = spatial_calibration._minimum_norm
    block = SpatialCalibration((None,))
    semantic.requires_grad_()
    with mock.patch.object(spatial_calibration, '_minimum_norm', keep):
        s, f = block(semantic, attention)
    expected, rank = shortest_solution(
        seen['matrix'].double().numpy(), seen['vector'].double().numpy()
    )
    assert rank == side * side - 1
    np.testing.assert_allclose(
        seen['solved'][0].detach(),
        expected,
        rtol=1e-4,
        atol=1e-5 * np.abs(expected).max(),
    )
    (s.sum() + f.square().sum()).backward()
    assert semantic.grad.isfinite().all()


def test_older_checkpoints_load():
    """λ and β were called balance and threshold in state dicts."""
    module = SpatialCalibration((4, 4))
    old = {
        f'blocks.{i}.{name}': torch.tensor([value + i])
        for i in range(2)
        for name, value in (('balance', 0.9), ('threshold', 0.4))
    }
    module.load_state_dict(old, strict=True)
    assert module.blocks[1].lambda_.item() == pytest.approx(1.9)
    assert module.blocks[0].beta.item() == pytest.approx(0.4)
    assert set(module.state_dict()) == {
        f'blocks.{i}.{name}' for i in range(2) for name in ('lambda_', 'beta')
    }


def test_scalars_are_lambda_and_beta():
    found = SpatialCalibration((4, 4), lambda_=0.9, beta=0.4).scalars()
    assert list(found) == ['lambda_0', 'beta_0', 'lambda_1', 'beta_1']
    assert found['lambda_1'].item() == pytest.approx(0.9)
    assert found['beta_0'].item() == pytest.approx(0.4)


def test_similarity_of_other_features():
    semantic, attention = inputs()
    module = SpatialCalibration((4,))
    features = torch.randn(2, 9, 6, 6)
    same, _ = module(semantic, attention, semantic)
    other, _ = module(semantic, attention, features)
    torch.testing.assert_close(same, module(semantic, attention)[0])
    assert (other - same).abs().max() > 1e-3


def test_trace_ends_with_the_result():
    semantic, attention = inputs()
    module = SpatialCalibration()
    trace = module.trace(semantic, attention)
    assert len(trace) == len(module.blocks)
    for last, result in zip(
        trace[-1], module(semantic, attention), strict=True
    ):
        torch.testing.assert_close(last, result)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(iterations=4), 'one entry a block'),
        (dict(iterations=(-1,)), '>= 0'),
        (dict(iterations=(2.5,)), '>= 0'),
        (dict(alpha=0.0), 'alpha'),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        SpatialCalibration(**arguments)


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r'\(2, 5, 6, 6\).*\(2, 36\)'):
        SpatialCalibration()(torch.randn(2, 5, 6, 6), torch.rand(2, 36))
