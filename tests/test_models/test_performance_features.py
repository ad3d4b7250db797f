# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Autocast, compilation, checkpointing, accumulation: same gradients."""

import copy
import pickle
from functools import partial

import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.runner.activation_checkpointing import (
    turn_on_activation_checkpointing,
)
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample
from torch.autograd.graph import saved_tensors_hooks

from projects.scm.models.calibration import spatial_calibration
from projects.scm.models.calibration.newton_schulz import newton_schulz_apply

HEADS = ('TSCAMHead', 'SCMHead')
BACKBONES = (
    'TSCAMViT',
    'TSCAMDistilledViT',
    'TSCAMDeiT3',
    'TSCAMBEiT',
    'TSCAMEVA02',
)


def build(head, backbone='TSCAMViT', **options):
    torch.manual_seed(0)
    arch = dict(
        embed_dims=32, num_layers=3, num_heads=2, feedforward_channels=64
    )
    options = dict(drop_path_rate=0.2, **options)
    model = MODELS.build(
        dict(
            type='ImageClassifier',
            backbone=dict(type=backbone, arch=arch, img_size=64, **options),
            head=dict(type=head, num_classes=7, in_channels=32),
        )
    )
    return model.train()


@pytest.fixture
def images():
    return torch.randn(
        4, 3, 64, 64, generator=torch.Generator().manual_seed(1)
    )


@pytest.fixture
def samples():
    return [DataSample().set_gt_label(label) for label in (0, 3, 6, 3)]


def loss_and_gradients(model, images, samples):
    """All gradients as one vector each; the same paths are dropped."""
    model.zero_grad()
    torch.manual_seed(2)
    loss = model(images, samples, mode='loss')['loss']
    loss.backward()
    grads = {
        name: parameter.grad.clone()
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }
    return loss.detach(), grads


def distance(grads, expected):
    """The largest distance of a gradient, relative to its norm."""
    assert grads.keys() == expected.keys()
    return max(
        ((grads[name] - true).norm() / true.norm()).item()
        for name, true in expected.items()
    )


def distance_of_all(grads, expected):
    """The same of all gradients together."""
    found, true = (
        torch.cat([grad.flatten() for grad in kind.values()])
        for kind in (grads, expected)
    )
    return ((found - true).norm() / true.norm()).item()


@pytest.mark.parametrize('head', HEADS)
def test_bfloat16_autocast(head, images, samples) -> None:
    model = build(head)
    with torch.no_grad():
        # Attention with some contrast, as trained models have it: min-max
        # scaling blows up the rounding of a map that is nearly uniform.
        for layer in model.backbone.layers:
            layer.attn.qkv.weight.mul_(2)
    loss, expected = loss_and_gradients(model, images, samples)
    with torch.autocast('cpu', torch.bfloat16):
        rounded, grads = loss_and_gradients(model, images, samples)
    torch.testing.assert_close(rounded.float(), loss, rtol=0.02, atol=0)
    assert all(grad.isfinite().all() for grad in grads.values())
    assert all(grad.dtype == torch.float32 for grad in grads.values())
    assert distance_of_all(grads, expected) < 0.1


@pytest.mark.parametrize('head', HEADS)
@pytest.mark.parametrize('mode', ['tensor', 'loss'])
def test_one_graph(head, mode, images, samples) -> None:
    model = build(head)
    torch._dynamo.reset()
    found = torch._dynamo.explain(
        lambda batch: model(batch, samples, mode=mode)
    )(images)
    assert (found.graph_count, found.graph_break_count) == (1, 0)


@pytest.mark.parametrize('head', HEADS)
def test_compiled_gradients(head, images, samples) -> None:
    # What Inductor would compile, run as it is: no compiler is needed here.
    model = build(head)
    loss, expected = loss_and_gradients(model, images, samples)
    torch._dynamo.reset()
    model.compile(backend='aot_eager_decomp_partition', fullgraph=True)
    compiled, grads = loss_and_gradients(model, images, samples)
    torch.testing.assert_close(compiled, loss)
    assert distance_of_all(grads, expected) < 1e-4


def kept_bytes(model, images, samples):
    """Bytes that autograd keeps for the backward pass."""
    kept = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        model(images, samples, mode='loss')
    return sum(kept.values())


@pytest.mark.parametrize('head', HEADS)
@pytest.mark.parametrize('backbone', BACKBONES)
def test_checkpointing(head, backbone, images, samples) -> None:
    plain = build(head, backbone)
    loss, expected = loss_and_gradients(plain, images, samples)
    model = build(head, backbone, with_cp=True)
    again, grads = loss_and_gradients(model, images, samples)
    assert again == loss
    assert distance(grads, expected) == 0
    assert kept_bytes(model, images, samples) < 0.5 * kept_bytes(
        plain, images, samples
    )


def test_checkpointed_models_are_copied_whole(images, samples) -> None:
    # Averages of models, for instance, work on a copy.
    model = build('SCMHead', with_cp=True)
    loss_and_gradients(model, images, samples)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        with torch.no_grad():
            for parameter in twin.parameters():
                parameter.mul_(2)
        loss, expected = loss_and_gradients(twin, images, samples)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.zero_()
        assert loss_and_gradients(twin, images, samples)[0] == loss
        model.load_state_dict(twin.state_dict())
        grads = loss_and_gradients(model, images, samples)[1]
        assert distance(grads, expected) == 0


@pytest.mark.parametrize('head', HEADS)
@pytest.mark.filterwarnings('ignore:.*use_reentrant')
def test_checkpointing_by_mmengine(head, images, samples) -> None:
    _, expected = loss_and_gradients(build(head), images, samples)
    model = build(head)
    turn_on_activation_checkpointing(
        model, [f'backbone.layers.{index}.ffn.layers' for index in range(3)]
    )
    assert (
        distance(loss_and_gradients(model, images, samples)[1], expected) == 0
    )

    # Around attention it would lose gradients, as it is reentrant.
    model = build(head)
    turn_on_activation_checkpointing(model, ['backbone.layers.1'])
    with pytest.raises(RuntimeError, match=r'model\.backbone\.with_cp=True'):
        model(images, samples, mode='loss')


@pytest.mark.parametrize('head', HEADS)
def test_gradient_accumulation(head, images, samples) -> None:
    steps = []
    for count in (1, 2):
        model = build(head).eval()  # no path is dropped
        optim_wrapper = OptimWrapper(
            torch.optim.SGD(model.parameters(), lr=0.1),
            accumulative_counts=count,
        )
        optim_wrapper.initialize_count_status(model, 0, count)
        for part in range(count):
            which = slice(part * 4 // count, (part + 1) * 4 // count)
            with optim_wrapper.optim_context(model):
                losses = model(images[which], samples[which], mode='loss')
            optim_wrapper.update_params(losses['loss'])
        steps.append(model.state_dict())
    start = build(head).state_dict()
    for name, value in steps[0].items():
        moved = (value - start[name]).norm()
        assert moved > 0
        assert (steps[1][name] - value).norm() < 1e-4 * moved


@pytest.mark.parametrize('chebyshev', [True, False])
@pytest.mark.parametrize('head', HEADS)
def test_nothing_is_made_on_the_default_device(
    head, chebyshev, images, samples, monkeypatch
):
    """Else a model on a GPU would meet tensors of the CPU."""
    monkeypatch.setattr(
        spatial_calibration,
        'newton_schulz_apply',
        partial(newton_schulz_apply, chebyshev=chebyshev),
    )
    model = build(head)
    loss, gradients = loss_and_gradients(model, images, samples)
    maps = model.eval().predict(images, samples)[0].score_maps

    with torch.device('meta'):  # of all that is made without a device
        predicted = model.predict(images, samples)[0].score_maps
        model.train()
        others = loss_and_gradients(model, images, samples)

    torch.testing.assert_close(predicted, maps, rtol=0, atol=0)
    torch.testing.assert_close(others, (loss, gradients), rtol=0, atol=0)
