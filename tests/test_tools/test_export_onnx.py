# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Export, and the example that needs none of this project."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from test_apis.conftest import blobs
from test_apis.tiny_localizer import (
    CLASSES,
    CONFIG,
    build_model,
    run_tool,
    write_checkpoint,
    write_config,
)

from projects.scm.apis import WSOLInferencer


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """Config and checkpoint."""
    folder = tmp_path_factory.mktemp('model')
    return write_config(folder), write_checkpoint(folder, build_model())


@pytest.fixture(scope='module')
def photos(repo):
    """Photographs of the demonstration set; public domain or CC0."""
    found = sorted((repo / 'tools' / 'demo' / 'photos').rglob('*.webp'))
    if not found:
        pytest.skip('no photographs in tools/demo/photos')
    return found[:6]


@pytest.fixture(scope='module')
def onnx_file(files, photos, tmp_path_factory):
    for module in ('onnx', 'onnxscript', 'onnxruntime'):
        pytest.importorskip(module)
    file = tmp_path_factory.mktemp('onnx') / 'model.onnx'
    run_tool('export_onnx.py', *files, '--out', file, '--photos', *photos)
    return file


def test_file_says_what_it_takes(onnx_file) -> None:
    import onnx

    model = onnx.load(onnx_file)
    onnx.checker.check_model(model, full_check=True)

    def shapes(values):
        return {
            value.name: [
                axis.dim_param or axis.dim_value
                for axis in value.type.tensor_type.shape.dim
            ]
            for value in values
        }

    assert shapes(model.graph.input) == {
        'pixels': ['batch', 3, '8*rows', '8*columns']
    }
    assert shapes(model.graph.output) == {
        'logits': ['batch', 7],
        'labels': ['batch', 5],
        'score_maps': ['batch', 5, 'rows', 'columns'],
    }
    metadata = {p.key: json.loads(p.value) for p in model.metadata_props}
    assert metadata['classes'] == list(CLASSES)
    assert metadata['input_size_wh'] == [64, 64]
    assert metadata['box_cfg'] == {'threshold': 0.1}
    names = [weight.name for weight in model.graph.initializer]
    assert not any('calibration' in name for name in names)
    assert not any(
        file.suffix != '.onnx' for file in onnx_file.parent.iterdir()
    )


def test_onnxruntime_agrees_with_the_inferencer(
    onnx_file, files, photos
) -> None:
    """Pictures through the project, and through onnxruntime by hand."""
    import onnxruntime

    session = onnxruntime.InferenceSession(
        onnx_file, providers=['CPUExecutionProvider']
    )
    images = [
        np.asarray(
            Image.open(photo).convert('RGB').resize((64, 64), Image.BILINEAR)
        )
        for photo in photos
    ]
    batch = np.stack(images).transpose(0, 3, 1, 2).astype(np.float32)
    logits, labels, maps = session.run(None, {'pixels': batch})
    samples = WSOLInferencer(*files, 'cpu')(
        photos, target='topk', return_datasamples=True
    )
    exponents = np.exp(logits - logits.max(1, keepdims=True))
    scores = exponents / exponents.sum(1, keepdims=True)
    for i, sample in enumerate(samples):
        np.testing.assert_allclose(scores[i], sample.pred_score, atol=1e-4)
        assert labels[i].tolist() == sample.score_map_labels.tolist()
        largest = sample.score_maps.abs().max()
        np.testing.assert_allclose(
            maps[i], sample.score_maps, rtol=0, atol=1e-4 * largest
        )


def test_boxes_with_numpy_and_opencv_alone(
    onnx_file, files, photos, repo, tmp_path
) -> None:
    """As a program that cannot import the project, PyTorch or Pillow."""
    blocker = tmp_path / 'only.py'
    blocker.write_text(
        'import runpy, sys\n'
        'for name in ("torch", "PIL", "mmengine", "mmcv", "mmpretrain",\n'
        '             "projects", "onnx"):\n'
        '    sys.modules[name] = None\n'
        'sys.argv = sys.argv[1:]\n'
        'runpy.run_path(sys.argv[0], run_name="__main__")\n'
    )
    demo = repo / 'demo' / 'onnx_boxes.py'
    big = tmp_path / 'big.png'
    cv2.imwrite(str(big), blobs(301, 467, 5))
    pictures = [big, *photos]
    broken = tmp_path / 'broken.png'
    broken.write_bytes(big.read_bytes()[:20])

    def run(model, *words):
        command = [sys.executable, blocker, demo, model, *words]
        return subprocess.run(
            [*map(str, command)], cwd=tmp_path, capture_output=True, text=True
        )

    done = run(onnx_file, broken, *pictures, '--out', tmp_path / 'out')
    assert done.returncode == 1
    assert f'{broken}: does not read as a picture' in done.stderr
    assert 'Traceback' not in done.stderr
    cut = tmp_path / 'cut.onnx'
    cut.write_bytes(Path(onnx_file).read_bytes()[:2000])
    wrong = run(cut, big)
    assert wrong.returncode == 1
    assert wrong.stderr.startswith(f'{cut}: no model of tools/export_onnx.py')
    assert 'Traceback' not in wrong.stderr
    results = WSOLInferencer(*files, 'cpu')(pictures)
    lines = done.stdout.splitlines()
    assert len(lines) == len(results)
    for line, result in zip(lines, results, strict=True):
        file, text = line.split(': ')
        assert file == result['img_path']
        name, score, boxes = text.split(' ', 2)
        assert name == result['pred_class']
        assert float(score) == pytest.approx(result['pred_score'], abs=0.02)
        # to a pixel of the frame, where rounding of resizing may matter
        side = max(result['width'], result['height']) / 64
        np.testing.assert_allclose(
            json.loads(boxes), result['bboxes'], atol=1.5 * side
        )
    drawn = cv2.imread(str(tmp_path / 'out' / 'big.png'))
    assert drawn.shape == (467, 301, 3)


@pytest.mark.parametrize(
    'size', [(90, 60), (64, 64), (301, 467), (64, 500), (20, 33)]
)
def test_resizing_is_pillows(repo, size, monkeypatch) -> None:
    pytest.importorskip('onnxruntime')
    monkeypatch.syspath_prepend(repo / 'demo')
    from onnx_boxes import resize_like_pillow

    image = blobs(*size, 7)
    found = resize_like_pillow(image, (64, 48)).astype(int)
    pillow = Image.fromarray(image).resize((64, 48), Image.BILINEAR)
    difference = np.abs(found - np.asarray(pillow))
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.02


def test_torch_export(files, photos, tmp_path, capsys) -> None:
    out = tmp_path / 'new' / 'model.pt2'
    run_tool(
        *('export_onnx.py', *files, '--out', out, '--topk', 2),
        *('--format', 'torch-export', '--photos', photos[0].parent),
    )
    assert 'deviation from PyTorch on ' in capsys.readouterr().out
    assert [file.name for file in out.parent.iterdir()] == ['model.pt2']


def test_nothing_is_written_that_deviates(files, tmp_path, capsys) -> None:
    """No rounding at all is allowed here, so a true deviation is found."""
    out = tmp_path / 'model.pt2'
    with pytest.raises(SystemExit, match='not written, deviates by more'):
        run_tool(
            *('export_onnx.py', *files, '--out', out, '--fixed-size'),
            *('--format', 'torch-export', '--tolerance', -1),
        )
    assert 'on a random one' in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
    text = CONFIG.replace("'TSCAMViT'", "'TSCAMBEiT'")
    config = write_config(tmp_path, text)
    checkpoint = tmp_path / 'beit.pth'
    from mmengine.config import Config
    from mmpretrain.registry import MODELS
    from torch import save

    save(MODELS.build(Config.fromfile(config).model).state_dict(), checkpoint)
    with pytest.raises(ValueError, match='--fixed-size'):
        run_tool('export_onnx.py', config, checkpoint, '--out', out)
