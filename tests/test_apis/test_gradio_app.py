# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The page, served and asked over HTTP."""

import sys

import cv2
import numpy as np
import pytest
from test_apis.tiny_localizer import CLASSES
from test_tools import axe
from test_tools.chromium_pipe import BINARY, Chromium

gradio = pytest.importorskip('gradio')


@pytest.fixture(scope='module')
def client(inferencer, repo, photos):
    from gradio_client import Client

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, 'path', [str(repo / 'demo'), *sys.path])
        patch.setenv('no_proxy', '127.0.0.1,localhost')
        from gradio_app import LAUNCH, build_page

        page = build_page(inferencer, [photos / '0.png'])
        _, url, _ = page.launch(
            server_name='127.0.0.1',
            prevent_thread_lock=True,
            quiet=True,
            **LAUNCH,
        )
        yield Client(url, verbose=False)
        page.close()


def test_a_picture_over_http(client, inferencer, photos) -> None:
    from gradio_client import handle_file

    path = photos / '0.png'
    verdict, picture, maps, table = client.predict(
        handle_file(path), 'topk', 0.4, True, api_name='/localize'
    )
    for drawn in (picture, maps):
        drawn = drawn['path'] if isinstance(drawn, dict) else drawn
        assert cv2.imread(str(drawn)).shape[0] >= 320
    assert verdict.startswith('## predicted: ')
    rows = table['data']
    assert table['headers'] == ['class', 'score', 'x0', 'y0', 'x1', 'y1']
    [expected] = inferencer(path, target='topk', threshold=0.4, contours='all')
    assert [row[0] for row in rows] == [
        CLASSES[label] for label in expected['labels']
    ]
    np.testing.assert_allclose(
        [row[2:] for row in rows], expected['bboxes'], atol=0.051
    )


def test_a_class_by_name(client, photos) -> None:
    from gradio_client import handle_file

    *_, table = client.predict(
        handle_file(photos / '1.png'), 'fox', 0.1, False, api_name='/localize'
    )
    [row] = table['data']
    assert row[0] == 'fox'


def test_without_a_picture_it_asks_for_one(client) -> None:
    verdict, *rest, table = client.predict(
        None, 'predicted', 0.4, True, api_name='/localize'
    )
    assert verdict == 'Choose a picture.'
    assert rest == [None, None]
    assert table['data'] in ([], [[''] * 6])


@pytest.mark.skipif(BINARY is None, reason='no Chromium is installed')
@axe.needs_axe
@pytest.mark.optional
def test_axe_finds_nothing_on_a_phone(client, tmp_path) -> None:
    with Chromium(tmp_path / 'profile') as browser:
        browser.look(390, 844, mobile=True)
        browser.open(client.src)
        for _ in range(100):  # until the first result is there
            browser.settle()
            if browser.run("document.body.innerText.includes('predicted:')"):
                break
        assert browser.run('document.documentElement.scrollWidth') == 390
        assert axe.violations(browser) == []


@pytest.mark.parametrize('kind', ['broken', 'float'])
def test_the_page_says_why(client, tmp_path, kind) -> None:
    from gradio_client import handle_file
    from gradio_client.exceptions import AppError
    from PIL import Image

    file = tmp_path / 'a.tif'
    if kind == 'broken':
        file.write_bytes(b'no picture')
    else:
        Image.fromarray(np.zeros((9, 9), np.float32)).save(file)
    with pytest.raises(AppError, match=r'^a\.tif: does not read'):
        client.predict(
            handle_file(file), 'predicted', 0.4, True, api_name='/localize'
        )


def test_examples_are_some_of_every_folder(repo, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(repo / 'demo'))
    from gradio_app import PHOTOS, find_examples

    # With none in reach the page would open without saying so.
    assert 4 <= len({path.parent for path in find_examples(PHOTOS)}) <= 8
    with pytest.raises(FileNotFoundError, match='no pictures'):
        find_examples(tmp_path)
    for number in range(30):
        file = tmp_path / f'{number % 3}' / f'{number}.JPG'
        file.parent.mkdir(exist_ok=True)
        file.touch()
    found = find_examples(tmp_path)
    assert len(found) == 8
    assert {path.parent.name for path in found} == {'0', '1', '2'}
