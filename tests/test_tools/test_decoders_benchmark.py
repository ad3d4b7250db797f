# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The comparison of decoders counts what is equal."""

import json
import sys

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def tool(repo, monkeypatch):
    monkeypatch.syspath_prepend(str(repo / 'tools' / 'benchmarks'))
    import decoders

    return decoders


@pytest.fixture
def photographs(tmp_path):
    folder = tmp_path / 'photographs'
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(3):
        noise = rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)
        image = Image.fromarray(noise).resize((600, 520), Image.BICUBIC)
        image.save(folder / f'{index}.jpg', quality=90)
    return folder


def test_differences_are_counted(tool, photographs):
    contents = list(tool.read_photographs(photographs, 2, 1, 92))
    assert len(contents) == 2
    last = contents[1]

    def plain(content):
        pixels = tool.decode_with_pillow(content)
        return pixels ^ 8 if content == last else pixels

    found = tool.compare(plain, contents)
    assert (found['images'], found['equal'], found['failed']) == (2, 1, 0)
    assert 0 < found['max_difference'] <= 9
    assert tool.compare(lambda content: 1 / 0, contents)['failed'] == 2
    assert tool.compare(tool.decode_with_pillow, contents)['equal'] == 2


def test_enlarging(tool, photographs):
    (content,) = tool.read_photographs(photographs, 1, 1.5, 92)
    assert tool.decode_with_pillow(content).shape == (780, 900, 3)
    with pytest.raises(FileNotFoundError, match=r'none: has no \.jpg'):
        next(tool.read_photographs(photographs / 'none', 1, 1, 92))


def test_command_line(tool, photographs, tmp_path, monkeypatch, capsys):
    out = tmp_path / 'decoders.json'
    monkeypatch.setattr(
        sys, 'argv',
        ['decoders.py', str(photographs), '--images', '2', '--repeats', '1',
         '--out', str(out)],
    )  # fmt: skip
    tool.main()
    assert 'resized_faster' in capsys.readouterr().out
    record = json.loads(out.read_text())
    rows = {row['decoder']: row for row in record['rows']}
    assert rows['pillow']['equal'] == 2
    assert rows['pillow']['decode_faster'] == 1
    assert rows['pillow draft']['equal'] == 0  # a half of 600 x 520
    assert 0 < rows['pillow draft']['mean_difference'] < 10
    tried = set(record['left_out']) | set(rows)
    assert tried == set(tool.DECODERS)


def test_any_build_of_opencv_is_told(tool, monkeypatch):
    """The headless one alone, as on servers, ended the comparison."""
    builds = {'opencv-python-headless': '5.0', 'pillow': '12.3'}
    monkeypatch.setattr(
        tool,
        'installed_distributions',
        lambda names: {n: builds[n] for n in names if n in builds},
    )
    setup = tool.describe_setup(['pillow', 'opencv'])
    assert setup['versions'] == builds
