# Copyright (c) SCM-WSOL contributors. All rights reserved.
import base64
import html.parser
import json
import re

import numpy as np
import pytest
import torch
from synthetic_results import dump_results, make_results, without_boxes

from projects.scm.evaluation.functional import paired_bootstrap
from projects.scm.reporting.measures import (
    build_plan,
    measure_run,
)
from projects.scm.reporting.page import (
    KINDS,
    RUN_COLORS,
    Page,
    encode_map,
    render_page,
)
from projects.scm.reporting.records import load_records
from projects.scm.utils.run_card import RunCard


@pytest.fixture(scope='module')
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp('run')
    runs = [
        load_records(
            dump_results(
                folder / f'{seed}.pkl',
                make_results(folder / 'pictures', 14, seed),
            )
        )
        for seed in range(2)
    ]
    plan = build_plan('scm')
    return Page(
        title='</script><b>SCM & TS-CAM</b>',
        names=['SCM', '<i>'],
        runs=runs,
        measures=[measure_run(plan, run) for run in runs],
        classes={0: '</script><script>alert(1)', 1: 'wren'},
        thumbnails=[b'picture %d' % index for index in range(14)],
        ious=plan.iou_thresholds,
    )


def data_of(text, name='data'):
    found = re.search(rf'id="{name}">(.*?)</script>', text, re.DOTALL)
    return json.loads(found[1])


def test_map_is_height_width_and_cells():
    cells = np.array([[0.0, 5.0, 10.0], [2.5, 7.5, 10.0]]) - 3
    assert list(base64.b64decode(encode_map(cells))) == [
        *(2, 3),
        *(0, 128, 255, 64, 191, 255),
    ]
    assert list(base64.b64decode(encode_map(np.ones((1, 2))))) == [1, 2, 0, 0]
    with pytest.raises(ValueError, match='255 cells a side, got 1x256'):
        encode_map(np.zeros((1, 256)))


def test_columns_agree_with_records_and_measures(page):
    data = data_of(render_page(page))
    assert len(data['images']) == 14
    for run, records, measures in zip(
        data['runs'], page.runs, page.measures, strict=True
    ):
        assert run['pred'] == [r.pred_label for r in records]
        assert run['kind'] == measures.kinds.tolist()
        assert sum(run['kindCounts']) == 14
        np.testing.assert_allclose(run['iou'], measures.ious, atol=1e-4)
        np.testing.assert_allclose(run['box'], measures.bboxes, atol=0.05)
        for index, record in enumerate(records):
            kept = record.found.map_labels.tolist()
            of_pred = record.found.score_maps[kept.index(record.pred_label)]
            assert run['map'][0][index] == encode_map(of_pred)
            of_truth = record.found.score_maps[kept.index(record.gt_label)]
            expected = None if record.right_class else encode_map(of_truth)
            assert run['map'][1][index] == expected
        figures = measures.main.figures
        at = round(measures.threshold * 100)
        for line, key in zip(
            run['curves'][0],
            ['top1_loc_iou30', 'top1_loc', 'top1_loc_iou70'],
            strict=True,
        ):
            assert line[at] == round(figures[key].curve[at], 2)
        top1 = [run['perClass'][str(c)][0] for c in range(6)]
        sizes = [3, 3, 2, 2, 2, 2]
        assert np.dot(top1, sizes) / 14 == pytest.approx(
            figures['top1_loc'].value, abs=0.01
        )
    assert data_of(render_page(page), 'thumbs') == [
        base64.b64encode(b'picture %d' % index).decode() for index in range(14)
    ]


def test_paths_do_not_tell_where_they_lay(page):
    text = render_page(page)
    assert data_of(text)['images'][0][0] == '001.kind_0/0000.png'
    assert 'pictures' not in data_of(text)['images'][0][0]
    assert str(page.runs[0][0].img_path) not in text


class Checker(html.parser.HTMLParser):
    """Tags that are open, ids, and what would be loaded from elsewhere."""

    VOID = {'meta', 'link', 'input', 'br', 'img'}

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links, self.text = [], [], [], []

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == 'id':
                self.ids.append(value)
            if name in ('src', 'href') and not value.startswith(
                ('#', 'data:')
            ):
                self.links.append(value)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ('h1', 'th', 'title'):
            self.text.append(data)


def test_html_is_sound_and_names_are_escaped(page):
    checker = Checker()
    checker.feed(render_page(page))
    checker.close()
    assert checker.open == []
    assert checker.links == []
    assert len(checker.ids) == len(set(checker.ids))
    assert checker.text.count('</script><b>SCM & TS-CAM</b>') == 2
    assert '<i>' in checker.text


def test_summary_tells_thresholds_choices_and_floors(page):
    text = render_page(page)
    figure = page.measures[0].main.figures['top1_loc']
    assert f'<b>{figure.value:.2f}</b>' in text
    assert f'τ {figure.threshold:.3g}, oracle' in text
    assert f'Otsu {figure.otsu:.2f}' in text
    tscam = page.measures[0].others[-1]
    assert tscam.protocol.name == 'tscam'
    gt_known = tscam.figures['gt_known_acc']
    assert 'τ 0.1, fixed' in text
    assert f'oracle {gt_known.oracle:.2f}' in text
    assert f'{figure.floor_full_image:.2f} and ' in text
    assert 'no user of the method has' in text
    # TS-CAM's Top-1 needs more than the threshold, SCM's at least that.
    scm, _, tscam = text.partition('Protocol wsoleval')
    assert 'class right, IoU ≥ 0.5, ' in scm
    assert 'class right, IoU &gt; 0.5, ' in tscam
    assert 'class right, IoU &gt; 0.5, ' not in scm


def test_the_better_run_is_marked(page):
    cell = (
        r'<td( class=best)?><b>([\d.]+)</b>[^b]*?(?:<small>.*?</small>)*</td>'
    )
    rows = re.findall(cell * 2, render_page(page))
    assert len({one > two for _, one, _, two in rows}) == 2
    for marked, one, other_marked, two in rows:
        assert bool(marked) == (float(one) > float(two))
        assert bool(other_marked) == (float(two) > float(one))


def test_every_kind_of_error_is_explained(page):
    data = data_of(render_page(page))
    keys = [kind['key'] for kind in data['kinds']]
    assert keys == list(page.measures[0].main.errors)
    assert set(KINDS) == set(keys)
    assert len({kind['color'] for kind in data['kinds']}) == 6


def test_one_sentence_leads(page):
    text = render_page(page)
    first, second = (m.main.figures['gt_known_acc'] for m in page.measures)
    square = f'a centred square: {first.floor_centred_square:.0f} %.'
    assert (
        f'SCM {first.value:.0f} %, &lt;i&gt; {second.value:.0f} % of 14 boxes '
        f'right; {square}'
    ) in text
    alone = page._replace(
        names=['SCM'], runs=page.runs[:1], measures=page.measures[:1]
    )
    assert f'>{first.value:.0f} % of 14 boxes right; {square}' in (
        render_page(alone)
    )


def test_intervals_of_figures_and_of_differences(page):
    text = render_page(page)
    first, second = (m.main for m in page.measures)
    own = first.intervals()['top1_loc']
    assert f'({own.low:.1f} to {own.high:.1f})' in text
    lead = paired_bootstrap(
        [second.hits()['top1_loc']], [first.hits()['top1_loc']]
    )
    shown = f'{lead.value:+.1f} ({lead.low:+.1f} to {lead.high:+.1f})'
    assert f'{shown} to the first run'.replace('-', '−') in text
    assert '95% intervals of a bootstrap' in text
    assert '10,000 draws' in text


def test_floors_are_data_of_the_curves(page):
    figure = page.measures[0].main.figures['top1_loc']
    assert data_of(render_page(page))['floors'] == [
        ['centred square', round(figure.floor_centred_square, 2)],
        ['full image', round(figure.floor_full_image, 2)],
    ]


def test_rows_of_five_classes_vanish_below_six(page, tmp_path):
    items = make_results(tmp_path / 'pictures', 12)
    for item in items:
        label = int(item['gt_label']) % 5
        item['gt_label'][:] = item['instances'][0]['bbox_label'] = label
        item['pred_score'] = item['pred_score'][:5]
        item['score_maps'] = item['score_maps'][:5]
        item['score_map_labels'] = torch.arange(5)
    run = load_records(dump_results(tmp_path / 'five.pkl', items))
    plan = build_plan('scm')
    five = page._replace(
        names=['five'], runs=[run], measures=[measure_run(plan, run)]
    )
    assert 'op-5' in render_page(page)
    text = render_page(five._replace(thumbnails=[b''] * 12))
    assert 'op-5' not in text
    assert 'Top-1 Loc' in text


def test_how_a_run_came_about_is_told(page):
    card = RunCard(
        config='scm.py', checkpoint='<e>.pth', versions={'torch': '2.0'}
    )
    text = render_page(page._replace(cards=[card, RunCard()], made='Now.'))
    assert '<dt>config</dt><dd>scm.py</dd>' in text
    assert '<dt>checkpoint</dt><dd>&lt;e&gt;.pth</dd>' in text
    assert '<dt>versions</dt><dd>torch 2.0</dd>' in text
    assert '<dt>command</dt>' not in text
    assert text.count('Nothing is known of how') == 1
    assert '<p>Now.</p>' in text


def test_without_boxes_the_page_says_why_there_is_no_more(page, tmp_path):
    items = without_boxes(make_results(tmp_path / 'pictures', 14))
    run = load_records(dump_results(tmp_path / 'bare.pkl', items))
    bare = page._replace(
        names=['bare'],
        runs=[run],
        measures=[measure_run(build_plan('scm'), run)],
    )
    text = render_page(bare)
    right = 100 * np.mean([record.right_class for record in run])
    assert f'{right:.0f} % of 14 classes right' in text
    assert f'<b>{right:.2f}</b>' in text
    assert 'No localization figures' in text
    assert 'Floors' not in text
    data = data_of(text)
    assert not data['hasBoxes']
    assert data['curves'] == data['floors'] == []
    assert data['classMeasures'] == ['Top-1 classification']
    assert [kind['key'] for kind in data['kinds']] == ['right', 'cls']


def test_colours_of_runs_and_of_outcomes_differ():
    outcomes = [
        [int(color[at : at + 2], 16) for at in (1, 3, 5)]
        for _, _, color in KINDS.values()
    ]
    for outcome in outcomes:
        gaps = np.abs(np.array(RUN_COLORS) - outcome).sum(axis=1)
        assert gaps.min() > 60, (outcome, gaps)


def test_too_many_runs_are_refused(page):
    count = len(RUN_COLORS) + 1
    with pytest.raises(ValueError, match='expected at most 6, got 7'):
        render_page(page._replace(names=['a'] * count))
