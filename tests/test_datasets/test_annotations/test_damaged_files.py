# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Files damaged at random are read, or refused by name."""

import sys


def test_damaged_files(repo, monkeypatch):
    monkeypatch.syspath_prepend(str(repo / 'tools' / 'benchmarks'))
    monkeypatch.setattr(sys, 'path', list(sys.path))
    import fuzz_readers

    outcomes, wrong, _ = fuzz_readers.fuzz(350, seed=1)
    assert wrong == []
    assert sum(outcomes.values()) == 350
    for name in fuzz_readers.SEEDS:
        assert outcomes[name, 'refused'] > 0
