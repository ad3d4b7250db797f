# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""axe-core, the accessibility checker, run in the Chromium of the tests.

Its one script is no part of this repository. It is taken from the Python
package ``axe-playwright-python`` (``pip install --no-deps``), or from where
the environment variable ``AXE_CORE`` says (``npm install axe-core``).
"""

import importlib.util
import os
from pathlib import Path

import pytest

PACKAGE = 'axe_playwright_python'


def find_script():
    """The file ``axe.min.js``, or None."""
    if 'AXE_CORE' in os.environ:
        return Path(os.environ['AXE_CORE'])
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None:
        return None
    return Path(spec.submodule_search_locations[0], 'axe.min.js')


SCRIPT = find_script()
needs_axe = pytest.mark.skipif(
    SCRIPT is None,
    reason='no axe-core: pip install --no-deps axe-playwright-python',
)


def violations(browser):
    """What breaks a rule on the page that is open, a line an element."""
    browser.run(f'{SCRIPT.read_text("utf-8")};0')
    return browser.run(
        """axe.run(document, {resultTypes: ['violations']}).then(found =>
            found.violations.flatMap(rule => rule.nodes.map(node =>
              `${rule.id}: ${node.target} ${node.failureSummary}`)))"""
    )
