# Copyright (c) SCM-WSOL contributors. All rights reserved.
import json

import pytest

from projects.scm.utils.run_card import RunCard, read_card, write_card
from projects.scm.version import __version__


def test_what_is_written_is_read(tmp_path):
    results = tmp_path / 'out' / 'predictions.pkl'
    write_card(
        results,
        str(tmp_path / 'configs' / 'scm.py'),
        str(tmp_path / 'epoch_2.pth'),
        str(tmp_path / 'work_dirs' / 'scm'),
        [str(tmp_path / 'test.py'), 'configs/scm.py', '--out', 'a b.pkl'],
    )
    card = read_card(results)
    assert card.config == 'scm.py'
    assert card.checkpoint == 'epoch_2.pth'
    assert (
        card.command == "python tools/test.py configs/scm.py --out 'a b.pkl'"
    )
    assert card.versions['scm-wsol'] == __version__
    assert card.versions['torch']
    assert card.date[:2] == '20'
    assert (results.parent / card.work_dir).resolve() == (
        tmp_path / 'work_dirs' / 'scm'
    )
    # nothing tells where it lay
    assert str(tmp_path) not in results.with_suffix('.run.json').read_text()


def test_no_card_is_an_empty_one(tmp_path):
    assert read_card(tmp_path / 'predictions.pkl') == RunCard()


@pytest.mark.parametrize('content', ['{', '[]', '{"config": 3}'])
def test_a_wrong_card_is_named(tmp_path, content):
    (tmp_path / 'a.run.json').write_text(content)
    with pytest.raises(ValueError, match=r'a\.run\.json: '):
        read_card(tmp_path / 'a.pkl')


def test_unknown_fields_are_left_alone(tmp_path):
    content = {'config': 'scm.py', 'later': 1}
    (tmp_path / 'a.run.json').write_text(json.dumps(content))
    assert read_card(tmp_path / 'a.pkl') == RunCard(config='scm.py')
