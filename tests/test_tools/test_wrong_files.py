# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Wrong files in the place of right ones: one line that names the file."""

import io
import json
import sys

import pytest
import torch
from PIL import Image
from test_apis.tiny_localizer import build_model, run_tool, write_config

from projects.scm.apis.checkpoints import load_weights
from projects.scm.comparison.spec import read_comparison
from projects.scm.datasets.annotations import (
    read_class_names,
    read_coco,
    read_csv_boxes,
    read_image_ids,
    read_voc_xml,
)
from projects.scm.utils.config_options import load_config
from projects.scm.utils.safe_reading import read_pickle, read_torch_file
from projects.scm.utils.weights import find_weights

HTML = '<!DOCTYPE html><html><body>not found</body></html>'
POINTER = 'version https://git-lfs.github.com/spec/v1\noid sha256:a\nsize 3\n'


def message_of(function, *arguments) -> str:
    """Of the refusal; it is one short line."""
    with pytest.raises((OSError, ValueError)) as caught:
        function(*arguments)
    text = str(caught.value)
    assert '\n' not in text
    assert len(text) < 800
    return text


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('', 'found nothing'),
        (HTML, 'line 1'),
        (POINTER, 'line 1'),
        ('model = dict(\n', 'line 1'),
        ('a = 1\nb = = 2\n', 'line 2'),
        ('a = 1\n', 'found a'),
        ('model = 3\n', 'model: expected a dict, got 3'),
        ("_base_ = 'missing.py'\n", 'missing.py'),
        ('a = 1 / 0\n', 'division by zero'),
        ('a = [][0]\n', 'out of range'),
        (
            "custom_imports = dict(imports=['nothing_like_it'], "
            'allow_failed_imports=False)\n',
            'nothing_like_it',
        ),
        ('model = dict()\0', 'null'),
    ],
)
def test_configs(text, said, tmp_path) -> None:
    file = tmp_path / 'config.py'
    file.write_text(text)
    message = message_of(load_config, file)
    assert message.startswith(f'{file}: ')
    assert said in message


@pytest.mark.parametrize(
    'read',
    [
        read_coco,
        read_csv_boxes,
        read_voc_xml,
        read_class_names,
        read_image_ids,
        read_pickle,
        read_torch_file,
    ],
)
def test_pointers_and_pages_are_named(read, tmp_path) -> None:
    file = tmp_path / 'given.pkl'
    page = "found 'html'" if read is read_voc_xml else 'a web page'
    for text, kind in ((POINTER, 'a Git LFS p'), (f'\n {HTML}', page)):
        file.write_text(text)
        with pytest.raises(ValueError, match=rf'{file}.*{kind}'):
            read(str(file))


def test_xml_of_something_else(tmp_path) -> None:
    file = tmp_path / 'a.xml'
    file.write_text('<html><body></body></html>')
    with pytest.raises(ValueError, match=r'a\.xml: expected <annotation> of'):
        read_voc_xml(str(file))


def test_configs_that_go_in_a_circle(tmp_path) -> None:
    """MMEngine takes half a minute to fill Python's stack."""
    for name, base in (('a', 'b'), ('b', 'c'), ('c', 'b')):
        (tmp_path / f'{name}.py').write_text(f"_base_ = ['./{base}.py']\n")
    b, c = tmp_path / 'b.py', tmp_path / 'c.py'
    message = message_of(load_config, tmp_path / 'a.py')
    assert message.endswith(f'goes in a circle: {b} -> {c} -> {b}')
    b.write_text('model = dict(a=1)\n')
    diamond = tmp_path / 'd.py'
    diamond.write_text("_base_ = ['a.py']\nmodel = dict(b=2)\n")
    assert load_config(diamond).model == {'a': 1, 'b': 2}


@pytest.mark.parametrize('tool', ['train.py', 'test.py'])
def test_tools_of_mmpretrain_name_the_config(tool, tmp_path) -> None:
    config = tmp_path / 'config.py'
    config.write_text('model = dict(\n')
    words = [config] if tool == 'train.py' else [config, __file__]
    work = tmp_path / 'work'
    with pytest.raises(ValueError, match=r'config\.py: .*line 1'):
        run_tool(tool, *words, '--work-dir', work)
    assert not work.exists()


@pytest.mark.parametrize(
    'text',
    ['methods: {a: b', '\ta: b', '\0', '[' * 3000, '!!python/name:os.mkdir'],
)
def test_comparisons(text, tmp_path) -> None:
    file = tmp_path / 'comparison.yml'
    file.write_text(text)
    assert message_of(read_comparison, file).startswith(f'{file}: not a YAML')


@pytest.mark.parametrize(
    ('weights', 'said'),
    [
        ({1: torch.zeros(1)}, 'names of weights as text, but got 1'),
        ({'a': torch.eye(2).to_sparse()}, "dense weights, but 'a' is"),
        ({'a': torch.zeros(1, dtype=torch.complex64)}, 'a is complex'),
    ],
)
def test_weights(weights, said) -> None:
    message = message_of(find_weights, {'state_dict': weights}, 'a.pth')
    assert message.startswith('a.pth: ')
    assert said in message


@pytest.mark.parametrize('meta', [3, {'classes': 3}, {'classes': [1, 2]}])
def test_names_in_checkpoints(meta, tmp_path) -> None:
    model, file = build_model(), tmp_path / 'a.pth'
    content = {'meta': {'dataset_meta': meta}}
    torch.save({**content, 'state_dict': model.state_dict()}, file)
    message = message_of(load_weights, model, file)
    assert message.startswith(f'{file}: meta.dataset_meta: expected')


@pytest.mark.parametrize(
    ('content', 'said'),
    [
        (b'', "expected 'loss' in a log of MMEngine, found 0 lines"),
        (HTML.encode(), 'found 0 lines'),
        (b'3\n"text"\n[1]\nnull\n', 'found 0 lines'),
        (b'[' * 9999, 'found 0 lines'),
        (b'\xff\xfe', 'no text in UTF-8'),
        (b'{"accuracy": 1}\n', 'found 1 lines of JSON with [.accuracy.]'),
        (b'{"lr": 1, "loss": "low"}\n', "loss: expected numbers, got 'low'"),
    ],
)
def test_logs(content, said, tmp_path) -> None:
    file, out = tmp_path / 'a.json', tmp_path / 'a.png'
    file.write_bytes(content)
    tool = 'analysis_tools/analyze_logs.py'
    message = message_of(
        run_tool, tool, 'plot_curve', file, '--keys', 'loss', '--out', out
    )
    assert message.startswith(f'{file}: ')
    assert said.replace('[.', "['").replace('.]', "']") in message
    assert not out.exists()
    message = message_of(run_tool, tool, 'cal_train_time', file)
    assert message.startswith(f'{file}: ')


def test_a_log_that_is_half_written_is_read(tmp_path, monkeypatch) -> None:
    lines = [
        dict(lr=0.1, loss=step, epoch=1, iter=step, step=step, time=0.5)
        for step in (1, 2, 3)
    ]
    file = tmp_path / 'a.json'
    file.write_text('\n'.join(map(json.dumps, lines)) + '\n{"lr": 0.')
    monkeypatch.setattr(sys, 'stdout', io.StringIO())
    run_tool('analysis_tools/analyze_logs.py', 'cal_train_time', file)
    assert '0.5000' in sys.stdout.getvalue()


@pytest.mark.parametrize(
    'content', [b'', b'\n\n', b'a\na\n', b'h\xe9\n', b'a' * 999, b'\0' * 9]
)
def test_names_of_classes(content, tmp_path) -> None:
    file = tmp_path / 'names.txt'
    file.write_bytes(content)
    Image.new('RGB', (8, 8)).save(tmp_path / 'a.png')
    message = message_of(
        *(run_tool, 'localize.py', tmp_path, '--model'),
        *(write_config(tmp_path), '--checkpoint', __file__),
        *('--classes', file, '--out', tmp_path / 'out'),
    )
    assert message.startswith((f'{file}: ', f'{file}, line 1: '))
