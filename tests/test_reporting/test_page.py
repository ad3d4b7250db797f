# Copyright (c) SCM-WSOL contributors. All rights reserved.
import base64
import html.parser
import json
import re

import numpy as np
import pytest
from synthetic_results import dump_results, make_results

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


def test_every_kind_of_error_is_explained(page):
    data = data_of(render_page(page))
    keys = [kind['key'] for kind in data['kinds']]
    assert keys == list(page.measures[0].main.errors)
    assert set(KINDS) == set(keys)
    assert len({kind['color'] for kind in data['kinds']}) == 6


def test_too_many_runs_are_refused(page):
    count = len(RUN_COLORS) + 1
    with pytest.raises(ValueError, match='expected at most 6, got 7'):
        render_page(page._replace(names=['a'] * count))
