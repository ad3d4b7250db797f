# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""A threshold from training images, from the config to its users."""

import json

import pytest
import torch
from mmengine.config import Config
from mmpretrain.registry import MODELS
from test_apis.conftest import write_cub
from test_apis.tiny_localizer import CLASSES, run_tool

from projects.scm.apis.choices import resolve_threshold
from projects.scm.apis.label_thresholds import THRESHOLDS, choose_threshold
from projects.scm.apis.label_thresholds import _Pass as LookingPass
from projects.scm.evaluation.functional import ThresholdChoice
from projects.scm.evaluation.functional.label_criteria import (
    ious_at_thresholds,
)
from projects.scm.structures import score_map_to_boxes


@pytest.fixture(scope='module')
def data_root(tmp_path_factory):
    """Pictures in CUB's layout, without any boxes."""
    return write_cub(
        tmp_path_factory.mktemp('birds'),
        [(i % len(CLASSES) + 1, i <= 9, 60 + i, 50) for i in range(1, 13)],
    )


@pytest.fixture
def config(tiny_files, data_root):
    cfg = Config.fromfile(tiny_files[0])
    cfg.test_dataloader.dataset.data_root = str(data_root)
    cfg.train_dataloader = dict(
        dataset=dict(
            type='CUBLocalization',
            data_root=str(data_root),
            split='train',
            pipeline=[],
        )
    )
    return cfg


@pytest.mark.parametrize(
    ('criterion', 'passes'),
    [('diffusion', 9), (None, 9), ('components', 9), ('consistency', 18)],
)
def test_chooses_by_labels_alone(config, tiny_files, criterion, passes):
    chosen = choose_threshold(
        config, tiny_files[1], criterion, progress_bar=False
    )
    assert chosen['num_images'] == 9  # the training images, all of them
    assert chosen['num_passes'] == passes
    assert chosen['criterion'] == (criterion or 'diffusion')
    assert chosen['split'] == 'train'
    assert chosen['checkpoint'] == 'tiny_localizer.pth'
    curve = chosen['curve']
    assert len(curve) == len(THRESHOLDS)
    assert all(0 <= score <= 1 for score in curve.values())
    best = max(curve.values())
    assert curve[f'{chosen["threshold"]:g}'] == best


def test_diffused_maps_are_those_of_patch_attention(tiny_files, monkeypatch):
    """Boxes of A³ M, A of all layers, with and without it in the tokens."""
    cfg = Config.fromfile(tiny_files[0]).model
    found = []
    for backbone in ('TSCAMViT', 'PatchAttentionViT'):
        cfg.backbone.type = backbone
        torch.manual_seed(0)
        model = MODELS.build(cfg).eval()
        for layer in model.backbone.layers:  # attention that is not level
            layer.attn.qkv.weight.data *= 30
        pictures = torch.rand(
            2, 3, 64, 64, generator=torch.Generator().manual_seed(1)
        )
        labels = torch.tensor([2, 5])
        with torch.no_grad():
            looking = LookingPass(model, 'diffusion')
            found.append(looking.diffusion(pictures, labels))
    assert (found[0] == found[1]).all()
    assert found[0].shape == (2, len(THRESHOLDS) + 1, 4)
    with torch.no_grad():
        feats = model.extract_feat(pictures)
        maps = model.head.score_maps(feats, labels[:, None])[:, 0].flatten(1)
    for own, among, boxes in zip(
        maps, feats[0].patch_attention, found[0], strict=True
    ):
        graph = among.sum(0)
        graph = graph / graph.sum(1, keepdim=True)
        spread = torch.linalg.matrix_power(graph, 3) @ own
        expected = score_map_to_boxes(
            spread.view(8, 8).numpy(), 'otsu', (64, 64), frame_size_wh=(64, 64)
        )
        assert boxes[-1].tolist() == expected[0].tolist()


@torch.no_grad()
def test_maps_as_large_as_the_picture(tiny_files, monkeypatch):
    """As grad-cam's: what the grid has is diffused."""
    model = MODELS.build(Config.fromfile(tiny_files[0]).model).eval()
    for layer in model.backbone.layers:
        layer.attn.qkv.weight.data *= 30
    picture, label = torch.rand(1, 3, 64, 64), torch.tensor([2])
    (small,) = LookingPass(model, 'diffusion').diffusion(picture, label)
    own = model.head.score_maps
    monkeypatch.setattr(
        model.head,
        'score_maps',
        lambda *args: (
            own(*args).repeat_interleave(8, 2).repeat_interleave(8, 3)
        ),
    )
    (large,) = LookingPass(model, 'diffusion').diffusion(picture, label)
    assert large[-1].tolist() == small[-1].tolist()


@torch.no_grad()
def test_diffused_maps_are_not_diffused_again(tiny_files):
    cfg = Config.fromfile(tiny_files[0]).model
    cfg.backbone.type, cfg.head.type = 'PatchAttentionViT', 'SCMPlusHead'
    model = MODELS.build(cfg).eval()
    picture, label = torch.rand(1, 3, 64, 64), torch.tensor([2])
    (found,) = LookingPass(model, 'diffusion').diffusion(picture, label)
    own = model.head.score_maps(model.extract_feat(picture), label[:, None])
    expected = score_map_to_boxes(
        own[0, 0].numpy(), 'otsu', (64, 64), frame_size_wh=(64, 64)
    )
    assert found[-1].tolist() == expected[0].tolist()


def test_a_backbone_that_looks_at_its_attention_itself(config, tiny_files):
    config.model.backbone.type = 'RolloutViT'
    with pytest.raises(TypeError, match=r"RolloutViT .* use 'consistency'"):
        choose_threshold(config, tiny_files[1], 'diffusion')
    chosen = choose_threshold(
        config, tiny_files[1], num_images=2, progress_bar=False
    )
    assert chosen['criterion'] == 'consistency'


def test_classification_counts_its_views(config, tiny_files):
    chosen = choose_threshold(
        config,
        tiny_files[1],
        'classification',
        num_images=2,
        progress_bar=False,
    )
    assert chosen['num_images'] == 2
    assert 2 + 2 * 2 <= chosen['num_passes'] <= 2 + 2 * 2 * len(THRESHOLDS)


@pytest.fixture
def whole():
    """A model whose boxes are the whole picture, whatever it shows."""
    rows, columns = torch.meshgrid(
        torch.arange(14), torch.arange(14), indexing='ij'
    )
    checks = ((rows + columns) % 2).float() + 1
    checks[7, 7] = 0

    class Model:
        def __init__(self):
            self.head = self

        def extract_feat(self, inputs):
            return inputs

        def score_maps(self, feats, labels):
            return checks.expand(len(feats), 1, 14, 14)

    return Model()


def test_a_shrunken_picture_is_consistent_with_itself(tiny_files):
    """A model whose maps follow the picture scores nearly 1."""

    class Model:
        head = None

        def extract_feat(self, inputs):
            return inputs

    class Head:
        def score_maps(self, feats, labels):
            return feats[:, :1]

    model = Model()
    model.head = Head()
    looking = LookingPass(model, 'consistency')
    rows, columns = torch.meshgrid(
        torch.arange(64.0), torch.arange(64.0), indexing='ij'
    )
    blob = torch.exp(-((rows - 20) ** 2 + (columns - 40) ** 2) / 80)
    inputs = blob.expand(1, 3, 64, 64).contiguous()
    boxes, shrunken = looking.consistency(inputs, torch.tensor([0]))[
        0
    ].swapaxes(0, 1)
    assert boxes.shape == shrunken.shape == (len(THRESHOLDS), 4)
    # shrinking rounds to whole pixels
    assert ious_at_thresholds(boxes, shrunken)[10:40].min() > 0.8


def test_a_box_that_is_always_the_whole_picture_is_not_consistent(whole):
    looking = LookingPass(whole, 'consistency')
    (found,) = looking.consistency(torch.rand(1, 3, 64, 64), torch.tensor([0]))
    # 46 of 64 pixels a side are what the shrunken picture takes
    assert ious_at_thresholds(found[0, :1], found[0, 1:]) == pytest.approx(
        (46 / 64) ** 2, abs=0.03
    )


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'criterion': 'best'}, "got 'best'"),
        ({'num_images': 0}, 'expected at least 1, got 0'),
    ],
)
def test_refuses(config, tiny_files, options, message):
    with pytest.raises(ValueError, match=message):
        choose_threshold(config, tiny_files[1], **options)


def test_tool_writes_what_the_others_read(
    config, tiny_files, data_root, tmp_path, capsys
):
    file = tmp_path / 'config.py'
    config.train_dataloader.dataset.data_root = 'nowhere'
    config.test_dataloader.dataset.data_root = 'nowhere'
    config.dump(file)
    out = tmp_path / 'labels.json'
    run_tool(
        'analysis_tools/choose_threshold.py',
        file,
        tiny_files[1],
        '--out',
        out,
        '--images',
        4,
        '--cfg-options',
        f'data_root={data_root}',
    )
    told = capsys.readouterr().out
    content = json.loads(out.read_text())
    assert f'threshold {content["threshold"]:g} by ' in told
    assert content['num_images'] == 4
    assert resolve_threshold(out, 'any/figure') == content['threshold']
    choice = ThresholdChoice.build({'type': 'labels', 'file': str(out)})
    assert choice.value == content['threshold']
    assert str(choice) == 'labels (train)'
