# Copyright (c) SCM-WSOL contributors. All rights reserved.
import numpy as np
import pytest
import torch
from test_apis.conftest import blobs
from test_apis.tiny_localizer import (
    build_model,
    run_tool,
    write_checkpoint,
    write_config,
)

from projects.scm.apis import WSOLInferencer, backends
from projects.scm.structures import iou_half_open

RUNTIMES = ['onnxruntime', 'openvino']
NUM_PICTURES = 60


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """One for all tests of this file, and none of the user's."""
    folder = tmp_path_factory.getbasetemp() / 'backends'
    monkeypatch.setenv('TORCH_HOME', str(folder))
    return folder / 'hub' / 'scm_wsol_graphs'


@pytest.fixture(scope='module')
def pictures():
    return [
        blobs(90 + index % 7 * 20, 70 + index % 5 * 30, index)
        for index in range(NUM_PICTURES)
    ]


@pytest.fixture
def lines(monkeypatch):
    """What is logged."""
    logged = []
    monkeypatch.setattr(
        backends, 'print_log', lambda text, *_: logged.append(text)
    )
    return logged


def need(kind):
    for module in ('onnx', 'onnxscript', kind):
        pytest.importorskip(module, reason=f'{module} is not installed')


def ious(results, others):
    """IoU of the boxes, and whether the classes are the same."""
    pairs = list(zip(results, others, strict=True))
    assert all(len(a['bboxes']) == len(b['bboxes']) == 1 for a, b in pairs)
    overlap = [
        np.squeeze(iou_half_open(a['bboxes'], b['bboxes'])) for a, b in pairs
    ]
    same = [a['pred_label'] == b['pred_label'] for a, b in pairs]
    return np.array(overlap), np.array(same)


@pytest.mark.parametrize('kind', RUNTIMES)
def test_same_boxes(kind, tiny_files, inferencer, pictures, lines) -> None:
    need(kind)
    other = WSOLInferencer(*tiny_files, backend=kind)
    assert other.backend == kind, lines
    expected = inferencer(pictures, batch_size=7, score_maps=False)
    # PyTorch's backbone is not asked any more.
    other.model.backbone.forward = None
    found = other(pictures, batch_size=7, score_maps=False)
    overlap, same = ious(found, expected)
    assert same.all()
    assert (overlap == 1).mean() >= 0.99
    assert overlap.min() >= 0.95
    for options in (
        dict(target='topk', topk=3, contours='all'),
        dict(target=4, outlines=True),
    ):
        a, b = (x(pictures[:5], **options) for x in (inferencer, other))
        for own, theirs in zip(a, b, strict=True):
            np.testing.assert_array_equal(own['bboxes'], theirs['bboxes'])
            np.testing.assert_allclose(
                own['score_maps'], theirs['score_maps'], atol=1e-3
            )


def test_graphs_are_kept(
    tiny_files, tmp_path, cache, monkeypatch, lines
) -> None:
    """By weights; a damaged one is made again, a good one is not."""
    need('onnxruntime')
    WSOLInferencer(*tiny_files, backend='onnxruntime')
    before = set(cache.iterdir())
    checkpoint = write_checkpoint(tmp_path, build_model(seed=5))
    config = write_config(tmp_path)
    assert (
        WSOLInferencer(config, checkpoint, backend='onnxruntime').backend
        == 'onnxruntime'
    )
    (added,) = set(cache.iterdir()) - before
    content = added.read_bytes()
    added.write_bytes(content[: len(content) // 2])
    del lines[:]
    monkeypatch.setattr(
        backends, 'export_features', lambda *_: added.write_bytes(content)
    )
    again = WSOLInferencer(config, checkpoint, backend='onnxruntime')
    assert again.backend == 'onnxruntime'
    (line,) = lines
    assert line.startswith(f'{added}: exported again')
    monkeypatch.setattr(backends, 'export_features', None)
    del lines[:]
    again = WSOLInferencer(config, checkpoint, backend='onnxruntime')
    assert again.backend == 'onnxruntime'
    assert lines == []


def test_what_deviates_is_not_used(
    tiny_files, inferencer, pictures, monkeypatch, lines
) -> None:
    need('onnxruntime')
    opened = backends._OPENERS['onnxruntime']

    def open_worse(path):
        run = opened(path)
        return lambda inputs: [out * 1.001 for out in run(inputs)]

    WSOLInferencer(*tiny_files, backend='onnxruntime')
    monkeypatch.setitem(backends._OPENERS, 'onnxruntime', open_worse)
    monkeypatch.setattr(backends, 'export_features', lambda *_: None)
    other = WSOLInferencer(*tiny_files, backend='onnxruntime')
    assert other.backend == 'torch'
    assert 'onnxruntime is not used, but torch' in lines[-1]
    assert 'deviates from PyTorch by' in lines[-1]
    overlap, same = ious(inferencer(pictures[:3]), other(pictures[:3]))
    assert same.all()
    assert (overlap == 1).all()


def test_not_a_number_is_a_deviation() -> None:
    model = build_model()
    with torch.no_grad():
        (feats,) = model.extract_feat(torch.rand(2, 3, 64, 64))
        assert backends.deviation(model, (feats,), (feats,)) == 0
        bad = feats._replace(cls_attention=feats.cls_attention * torch.nan)
        found = backends.deviation(model, (feats,), (bad,))
    assert not found <= backends.INT8_TOLERANCE


def test_what_is_missing_is_told(tiny_files, monkeypatch, lines) -> None:
    monkeypatch.setattr(backends, 'find_spec', lambda name: None)
    assert WSOLInferencer(*tiny_files, backend='auto').backend == 'torch'
    assert lines == []
    for kind in RUNTIMES:
        other = WSOLInferencer(*tiny_files, backend=kind)
        assert other.backend == 'torch'
        assert f'not installed: pip install {kind}' in lines.pop()


@pytest.mark.parametrize('faster', ['torch', 'onnxruntime'])
def test_auto_takes_the_fastest(tiny_files, monkeypatch, faster) -> None:
    need('onnxruntime')
    monkeypatch.setattr(
        backends,
        'repeat',
        lambda run, **_: [
            isinstance(run.func, backends._Extractor) == (faster == 'torch')
        ],
    )
    monkeypatch.setattr(
        backends, 'find_spec', lambda name: name != 'openvino' or None
    )
    assert WSOLInferencer(*tiny_files, backend='auto').backend == faster


def test_eight_bits(tiny_files, pictures, lines, cache, monkeypatch) -> None:
    """This model, small and random, loses too much; the limit is moved."""
    need('onnxruntime')
    import onnx

    options = dict(backend='onnxruntime', int8=True)
    monkeypatch.setattr(backends, 'INT8_TOLERANCE', 10)
    other = WSOLInferencer(*tiny_files, **options)
    assert other.backend == 'onnxruntime', lines
    assert 'int8: logits or maps deviate from PyTorch by up to' in lines[-1]
    (file,) = cache.glob('*_int8.onnx')
    kinds = {node.op_type for node in onnx.load(file).graph.node}
    assert 'DynamicQuantizeLinear' in kinds
    for picture, result in zip(pictures, other(pictures), strict=True):
        height, width = picture.shape[:2]
        x0, y0, x1, y1 = result['bboxes'][0]
        assert 0 <= x0 < x1 <= width
        assert 0 <= y0 < y1 <= height
    monkeypatch.setattr(backends, 'INT8_TOLERANCE', 0)
    monkeypatch.setattr(backends, 'export_features', lambda *_: None)
    assert WSOLInferencer(*tiny_files, **options).backend == 'torch'
    assert 'deviates from PyTorch by' in lines[-1]


def test_other_sizes_are_left_to_torch(tiny_files) -> None:
    need('onnxruntime')
    other = WSOLInferencer(*tiny_files, backend='onnxruntime')
    inputs = torch.rand(2, 3, 32, 48)
    with torch.no_grad():
        (found,), (expected,) = (
            extract(inputs)
            for extract in (other._extract, other.model.extract_feat)
        )
    assert found.input_hw == (32, 48)
    torch.testing.assert_close(found.patch, expected.patch)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(backend='onnx'), "backend: expected one of .* got 'onnx'"),
        (dict(int8=True), "int8: expected backend .* got 'torch'"),
        (dict(backend='openvino', int8=True), "int8: .* got 'openvino'"),
    ],
)
def test_odd_choices(tiny_files, options, message) -> None:
    with pytest.raises(ValueError, match=message):
        WSOLInferencer(*tiny_files, **options)


def test_other_devices(tiny_files) -> None:
    model = build_model()
    example = torch.empty(1, 3, 64, 64, device='meta')
    assert backends.choose_backend(model, 'auto', False, example)[0] == 'torch'
    with pytest.raises(ValueError, match='openvino runs on the CPU'):
        backends.choose_backend(model, 'openvino', False, example)


def test_tool(tiny_files, photos, tmp_path) -> None:
    need('onnxruntime')
    config, checkpoint = tiny_files
    boxes = []
    for options in ([], ['--backend', 'onnxruntime', '--num-workers', '3']):
        out = tmp_path / str(len(boxes))
        run_tool(
            'localize.py',
            *(photos, '--model', config, '--checkpoint', checkpoint),
            *('--out', out, '--format', 'csv', '--no-pictures', *options),
        )
        boxes.append((out / 'results.csv').read_text().splitlines())
    assert len(boxes[0]) == 6
    at = boxes[0][0].split(',').index('score')
    for a, b in zip(*boxes, strict=True):
        a, b = a.split(','), b.split(',')
        assert a.pop(at)[:4] == b.pop(at)[:4]
        assert a == b
