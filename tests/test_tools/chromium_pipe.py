# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""A real headless Chromium, spoken to over its debugging pipe.

No driver, no port, no package: Chromium reads NUL-terminated JSON of the
Chrome DevTools Protocol from file descriptor 3 and answers on 4.
"""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path

BINARY = next(
    filter(
        None,
        map(shutil.which, ['chromium', 'chromium-browser', 'google-chrome']),
    ),
    None,
)
FLAGS = [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--disable-dev-shm-usage',
    '--remote-debugging-pipe',
]


class Chromium:
    """One page in a fresh profile; use it in a ``with`` statement."""

    def __init__(self, profile: Path, timeout: float = 60):
        self.timeout = timeout
        self.events = []
        self._buffer = b''
        self._last_id = 0
        child_in, self._to = os.pipe()
        self._from, child_out = os.pipe()
        ends = [
            fcntl.fcntl(end, fcntl.F_DUPFD, 64)
            for end in (child_in, child_out)
        ]

        def place():
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        self._process = subprocess.Popen(
            [BINARY, *FLAGS, f'--user-data-dir={profile}', 'about:blank'],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=place,
            pass_fds=(3, 4),
        )
        for end in (child_in, child_out, *ends):
            os.close(end)
        self._session = None
        self._session = self._attach()
        for domain in ('Page', 'Runtime', 'Log', 'Network'):
            self.send(f'{domain}.enable')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.send('Browser.close', session=None)
            self._process.wait(10)
        except (OSError, RuntimeError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        os.close(self._to)
        os.close(self._from)

    def _attach(self):
        targets = self.send('Target.getTargets')['targetInfos']
        page = next(t for t in targets if t['type'] == 'page')
        return self.send(
            'Target.attachToTarget', targetId=page['targetId'], flatten=True
        )['sessionId']

    def send(self, method, session='', **params):
        """Send a command of the protocol and return its result."""
        self._last_id += 1
        message = {'id': self._last_id, 'method': method, 'params': params}
        session = self._session if session == '' else session
        if session:
            message['sessionId'] = session
        data = json.dumps(message).encode() + b'\0'
        while data:
            data = data[os.write(self._to, data) :]
        while True:
            answer = self._read()
            if answer.get('id') == self._last_id:
                if 'error' in answer:
                    raise RuntimeError(f'{method}: {answer["error"]}')
                return answer['result']
            self.events.append(answer)

    def _read(self):
        deadline = time.monotonic() + self.timeout
        while b'\0' not in self._buffer:
            wait = max(0, deadline - time.monotonic())
            if not select.select([self._from], [], [], wait)[0]:
                raise RuntimeError(f'no answer within {self.timeout} s')
            data = os.read(self._from, 1 << 20)
            if not data:
                raise RuntimeError('the browser ended')
            self._buffer += data
        message, self._buffer = self._buffer.split(b'\0', 1)
        return json.loads(message)

    def look(self, width=1280, height=900, dark=False, mobile=False):
        """Set the size of the window and the colour scheme."""
        self.send(
            'Emulation.setDeviceMetricsOverride',
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=mobile,
        )
        scheme = 'dark' if dark else 'light'
        self.send(
            'Emulation.setEmulatedMedia',
            features=[{'name': 'prefers-color-scheme', 'value': scheme}],
        )

    def open(self, path, address=''):
        """Load a local file, or a URL, and wait until it has loaded."""
        file = str(path)
        page = file if '://' in file else Path(file).as_uri()
        # a change of the part after # alone would load nothing
        for url in ('about:blank', page + address):
            self.events.clear()
            self.send('Page.navigate', url=url)
            while not any(
                event.get('method') == 'Page.loadEventFired'
                for event in self.events
            ):
                self.events.append(self._read())

    def run(self, script):
        """Value of a JavaScript expression; promises are awaited."""
        answer = self.send(
            'Runtime.evaluate',
            expression=script,
            awaitPromise=True,
            returnByValue=True,
        )
        if 'exceptionDetails' in answer:
            raise RuntimeError(str(answer['exceptionDetails']))
        return answer['result'].get('value')

    def press(self, key):
        """Press and let go of a key, by its DOM name."""
        text = {'Enter': '\r', ' ': ' '}.get(key)
        for kind in ('keyDown', 'keyUp'):
            params = {'type': kind, 'key': key, 'code': key}
            code = {'Enter': 13, 'Tab': 9, 'Escape': 27, ' ': 32}.get(key)
            if code:
                params['windowsVirtualKeyCode'] = code
            if text and kind == 'keyDown':
                params['text'] = text
            self.send('Input.dispatchKeyEvent', **params)

    def settle(self):
        """Wait until the page has been painted and is idle."""
        self.run(
            'new Promise(f => requestAnimationFrame('
            '() => requestAnimationFrame(() => setTimeout(f, 300))))'
        )

    def screenshot(self, path, full=False):
        """Write a PNG of the window, or of the whole page."""
        data = self.send('Page.captureScreenshot', captureBeyondViewport=full)[
            'data'
        ]
        Path(path).write_bytes(base64.b64decode(data))

    def problems(self):
        """Console errors, exceptions and requests since the last open()."""
        return [event for event in self.events if _is_problem(event)]


def _is_problem(event):
    method, params = event.get('method'), event.get('params', {})
    if method == 'Runtime.consoleAPICalled':
        return params['type'] in ('error', 'warning', 'assert')
    if method == 'Log.entryAdded':
        return params['entry']['level'] in ('error', 'warning')
    if method == 'Network.requestWillBeSent':
        return not params['request']['url'].startswith(
            ('file:', 'data:', 'about:')
        )
    return method == 'Runtime.exceptionThrown'
