# Copyright (c) SCM-WSOL contributors. All rights reserved.
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from projects.scm.utils import downloads
from projects.scm.utils.downloads import cache_path, download

FILES = {'/a/w.pth': b'first', '/b/w.pth': b'second', '/b/w.pth?v=2': b'third'}


class Handler(BaseHTTPRequestHandler):
    """Serves FILES, and servers' bad manners."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.path == '/slow.pth':
            time.sleep(0.5)
            return
        if self.path in FILES:
            content = FILES[self.path]
            self.send_response(200)
            self.send_header('Content-Length', str(len(content)))
        elif self.path == '/short.pth':
            content = b'short'
            self.send_response(200)
            self.send_header('Content-Length', '100')
        elif self.path == '/huge.pth':
            content = b''
            self.send_response(200)
            self.send_header('Content-Length', str(2**50))
        elif self.path == '/endless.pth':
            content = b'x' * 5000
            self.send_response(200)
        else:
            self.send_error(404)
            return
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'home'))
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.asked = []
    server.url = f'http://127.0.0.1:{server.server_port}'
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_addresses_with_one_name_are_many_files(server) -> None:
    for _ in range(2):  # the second time from the disk
        for path, content in FILES.items():
            assert download(server.url + path).read_bytes() == content
    assert server.asked == list(FILES)
    file = cache_path(server.url + '/a/w.pth')
    assert file.name.endswith('-w.pth')
    assert len(list(file.parent.iterdir())) == 3


def test_progress_is_shown(server, capsys) -> None:
    download(server.url + '/a/w.pth')
    assert 'w.pth' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('path', 'error', 'message'),
    [
        ('/short.pth', ConnectionError, 'broke off after 5 of 100 bytes'),
        ('/none.pth', ConnectionError, 'HTTP Error 404'),
        ('/slow.pth', ConnectionError, r'timed out.*0\.2 s'),
        ('/huge.pth', ValueError, '1125899906842624 bytes, expected at most'),
        ('/endless.pth', ValueError, 'more than 1000 bytes'),
    ],
)
def test_failures_leave_nothing(
    server, path, error, message, monkeypatch
) -> None:
    monkeypatch.setattr(downloads, 'TIMEOUT_S', 0.2)
    monkeypatch.setattr(downloads, 'MAX_BYTES', 1000)
    url = server.url + path
    with pytest.raises(error, match=message) as info:
        download(url)
    assert str(info.value).startswith(url)
    if error is ConnectionError:  # and the cure
        assert f'belongs to {cache_path(url)}; or name' in str(info.value)
    assert list(cache_path(url).parent.iterdir()) == []


def test_other_schemes() -> None:
    with pytest.raises(ValueError, match='expected an address of http'):
        download('file:///etc/hostname')
