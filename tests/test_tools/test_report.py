# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The report tool, and its page in a real browser where there is one."""

import json
import subprocess
import sys

import axe
import chromium_pipe
import pytest
from synthetic_results import (
    NUM_CLASSES,
    dump_results,
    make_results,
    without_boxes,
)

from projects.scm.reporting import build_report
from projects.scm.structures import iou_inclusive

COUNT = 150

needs_browser = pytest.mark.skipif(
    chromium_pipe.BINARY is None, reason='no Chromium is installed'
)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('report')
    for seed, name in enumerate(['first', 'second']):
        items = make_results(folder / 'pictures', COUNT, seed, relative=True)
        dump_results(folder / f'{name}.pkl', items)
    return folder


@pytest.fixture(scope='module')
def page(repo, folder):
    tool = repo / 'tools' / 'analysis_tools' / 'report.py'
    done = subprocess.run(
        [
            *[sys.executable, str(tool), 'first.pkl', 'second.pkl'],
            *['--names', 'SCM', 'TS-CAM', '--data-root', 'pictures'],
            *['--out', 'out/report.html'],
        ],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout
    assert 'wrote out/report.html' in done.stdout
    return folder / 'out' / 'report.html'


@pytest.fixture(scope='module')
def browser(tmp_path_factory):
    with chromium_pipe.Chromium(tmp_path_factory.mktemp('profile')) as browser:
        yield browser


@pytest.fixture
def loaded(browser, page):
    browser.look()
    browser.open(page)
    to_pictures(browser)
    assert browser.problems() == []
    yield browser
    assert browser.problems() == []


def to_pictures(browser):
    browser.run(
        "document.getElementById('gallery')"
        ".scrollIntoView({behavior: 'instant'})"
    )
    browser.settle()


def count(browser, selector):
    return browser.run(f'document.querySelectorAll({selector!r}).length')


def text(browser, selector):
    return browser.run(f'document.querySelector({selector!r}).textContent')


def choose(browser, label, value):
    """Set a control of the toolbar, as a person does."""
    browser.run(
        f"""(() => {{
            const named = [...document.querySelectorAll('#toolbar label')];
            const node = named.find(l => l.firstChild.data === {label!r})
              .querySelector('select, input');
            node.value = {value!r};
            for (const kind of ['input', 'change'])
              node.dispatchEvent(new Event(kind, {{bubbles: true}}));
        }})()"""
    )
    browser.settle()


def column(browser, script):
    """A value of every card, in order; ``i`` is the image, ``run`` the run."""
    return browser.run(
        'shown.map(i => {const run = RUNS[state.run]; return ' + script + '})'
    )


def test_page_is_written(page):
    text = page.read_text('utf-8')
    assert '<h1>SCM and TS-CAM</h1>' in text
    assert text.count('class="best"') + text.count('class=best') > 0


@needs_browser
def test_everything_is_there(loaded):
    assert count(loaded, '.chart') == 4
    assert count(loaded, '.card') == 60
    assert count(loaded, '.bin') == 2 * 20
    assert count(loaded, '.classes button') == NUM_CLASSES
    assert text(loaded, 'h1') == 'SCM and TS-CAM'
    assert text(loaded, '#status').startswith(f'{COUNT} images')
    # a picture, its map, one annotated box and one box a run
    card = '.card:first-child '
    assert count(loaded, card + 'img') == count(loaded, card + 'canvas') == 1
    assert count(loaded, card + '.box') == 3
    assert loaded.run("document.querySelector('.card img').naturalWidth") in (
        90,
        100,
        120,
    )
    # names of classes come from the folders
    assert text(loaded, card + '.nm') == 'kind 0'


@needs_browser
def test_pictures_are_filled_only_near_the_screen(loaded):
    loaded.run('for (let k = 0; k < 9; k++) append()')
    loaded.settle()
    assert count(loaded, '.card') == COUNT
    filled = count(loaded, '.card canvas')
    assert 0 < filled < COUNT
    loaded.run("scrollTo({top: 1e6, behavior: 'instant'})")
    loaded.settle()
    assert count(loaded, '.card:last-child canvas') == 1
    assert count(loaded, '.card:first-child canvas') == 0
    assert loaded.run("document.getElementById('more').hidden")


@needs_browser
def test_sorting_sorts(loaded):
    choose(loaded, 'Sort', 'worst')
    worst = column(loaded, 'view(run, i, 0).iou')
    assert worst == sorted(worst)
    choose(loaded, 'Sort', 'best')
    assert column(loaded, 'view(run, i, 0).iou') == worst[::-1]
    choose(loaded, 'Sort', 'differ')
    gaps = column(loaded, 'Math.abs(RUNS[0].iou[0][i] - RUNS[1].iou[0][i])')
    assert gaps == sorted(gaps, reverse=True)
    choose(loaded, 'Sort', 'sure')
    sure = column(loaded, '[KINDS[run.kind[i]].key, run.score[i]]')
    errors = [score for kind, score in sure if kind != 'right']
    assert [kind for kind, _ in sure[: len(errors)]].count('right') == 0
    assert errors == sorted(errors, reverse=True)
    choose(loaded, 'Heat map of', '1')
    choose(loaded, 'Boxes and maps of the', '1')
    choose(loaded, 'Sort', 'worst')
    truth = column(loaded, 'RUNS[1].iou[RUNS[1].map[1][i] ? 1 : 0][i]')
    assert truth == sorted(truth)


@needs_browser
def test_filters_filter(loaded):
    choose(loaded, 'Class', '3')
    assert set(column(loaded, 'IMAGES[i][3]')) == {3}
    assert text(loaded, '#status').startswith(f'25 of {COUNT} images')
    loaded.run("document.getElementById('clear').click()")
    loaded.settle()
    assert len(column(loaded, 'i')) == COUNT

    names = loaded.run('KINDS.map(kind => kind.name)')
    counts = loaded.run('RUNS[0].kindCounts')
    for k in (0, 1):
        loaded.run(f"document.querySelectorAll('.chips button')[{k}].click()")
    assert set(column(loaded, 'run.kind[i]')) == {0, 1}
    assert len(column(loaded, 'i')) == counts[0] + counts[1]
    chip = ".chips [aria-pressed='true']"
    assert text(loaded, chip) == f'{names[0]} {counts[0]}'
    # the breakdown chart filters to one kind of one run
    loaded.run("document.querySelectorAll('.stack')[1].children[1].click()")
    assert loaded.run('state.run') == 1
    assert set(column(loaded, 'run.kind[i]')) == {1}
    loaded.run("document.getElementById('clear').click()")

    choose(loaded, 'Search', 'KIND 2')
    assert set(column(loaded, 'IMAGES[i][3]')) == {2}
    choose(loaded, 'Search', 'nothing is called so')
    assert count(loaded, '.card') == 0
    choose(loaded, 'Search', '')

    loaded.run("document.querySelector('.chips button:last-child').click()")
    right = "RUNS.map(r => KINDS[r.kind[i]].key === 'right')"
    assert all(a != b for a, b in column(loaded, right))
    loaded.run("document.getElementById('clear').click()")

    loaded.run("document.querySelectorAll('.classes button')[2].click()")
    assert len(set(column(loaded, 'IMAGES[i][3]'))) == 1
    loaded.run("document.getElementById('clear').click()")

    loaded.run(
        "document.querySelectorAll('.bin')[10].dispatchEvent("
        "new Event('click'))"
    )
    assert all(0.5 <= iou < 0.55 for iou in column(loaded, 'run.iou[0][i]'))
    assert 'IoU 0.50 to 0.55' in text(loaded, '#status')


@needs_browser
def test_a_view_can_be_sent_around(loaded, page):
    choose(loaded, 'Sort', 'worst')
    choose(loaded, 'Class', '1')
    expected = column(loaded, 'i')
    address = loaded.run('location.hash')
    assert address == '#sort=worst&label=1'
    loaded.open(page, address)
    loaded.settle()
    assert column(loaded, 'i') == expected
    loaded.open(page, '#run=7&sort=magic&unknown=1')
    loaded.settle()
    assert len(column(loaded, 'i')) == COUNT


@needs_browser
def test_boxes_lie_where_the_data_says(loaded):
    placed = loaded.run(
        """[...document.querySelectorAll('.card')].slice(0, 9).map(card => {
            const pic = card.querySelector('.pic').getBoundingClientRect();
            return [...card.querySelectorAll('.box')].map(node => {
              const box = node.getBoundingClientRect();
              return [(box.left - pic.left) / pic.width,
                      (box.top - pic.top) / pic.height,
                      (box.right - pic.left) / pic.width,
                      (box.bottom - pic.top) / pic.height];
            });
        })"""
    )
    told = loaded.run(
        """IMAGES.slice(0, 9).map(([, w, h, , truth], i) =>
            [...truth, ...RUNS.map(run => run.box[0][i])]
              .map(box => box.map((v, k) => v / [w, h][k % 2])))"""
    )
    for found, expected in zip(placed, told, strict=True):
        for one, other in zip(found, expected, strict=True):
            assert one == pytest.approx(other, abs=0.01)


@needs_browser
def test_heat_map_is_bright_where_the_map_is_high(loaded):
    for i in range(5):
        peak, bright = loaded.run(
            f"""(() => {{
                const text = RUNS[0].map[0][{i}], bytes = decode(text);
                const cells = [...bytes.slice(2)], w = bytes[1];
                const at = cells.indexOf(Math.max(...cells));
                const canvas = heatCanvas(text), n = canvas.width;
                const data = canvas.getContext('2d')
                  .getImageData(0, 0, n, n).data;
                let best = 0, place = 0;
                for (let p = 0; p < n * n; p++) {{
                  const sum = data[4*p] + data[4*p+1] + data[4*p+2];
                  if (sum > best) {{ best = sum; place = p; }}
                }}
                const s = n / w;
                return [[at % w, Math.floor(at / w)],
                        [(place % n) / s, Math.floor(place / n) / s]];
            }})()"""
        )
        for cell, where in zip(peak, bright, strict=True):
            assert cell - 0.5 <= where <= cell + 1.5


@needs_browser
def test_opacity_follows_slider_and_mouse(loaded):
    opacity = (
        "getComputedStyle(document.querySelector('.card canvas')).opacity"
    )
    choose(loaded, 'Heat map opacity', '20')
    assert loaded.run(opacity) == '0.2'
    left, top, width = loaded.run(
        """(() => {
            const pic = document.querySelector('.card .pic');
            pic.scrollIntoView({block: 'center', behavior: 'instant'});
            const box = pic.getBoundingClientRect();
            return [box.left, box.top, box.width];
        })()"""
    )
    for share in (0.75, 0.25):
        loaded.send(
            'Input.dispatchMouseEvent',
            type='mouseMoved',
            x=left + share * width,
            y=top + 20,
        )
        assert float(loaded.run(opacity)) == pytest.approx(share, abs=0.02)
    loaded.send('Input.dispatchMouseEvent', type='mouseMoved', x=1, y=1)
    assert loaded.run(opacity) == '0.2'


@needs_browser
def test_keyboard_reaches_and_walks_the_pictures(loaded, page):
    focused = (
        'document.activeElement.className || document.activeElement.tagName'
    )
    # From the top: some browsers go on from where a script has scrolled to.
    loaded.open(page)
    loaded.press('Tab')
    assert loaded.run(focused) == 'skip'
    to_pictures(loaded)
    loaded.run("document.querySelector('.card').focus()")
    loaded.press('Enter')
    loaded.settle()
    assert loaded.run("document.getElementById('detail').open")
    assert count(loaded, '#detail figure') == 2
    assert count(loaded, '#detail .box') == 2 * 2
    loaded.press('ArrowRight')
    loaded.press('ArrowRight')
    loaded.press('ArrowLeft')
    assert 'picture 2 of 150' in text(loaded, '#detail')
    assert text(loaded, '#detail-h') == 'kind 1'
    loaded.press('Escape')
    loaded.settle()
    assert not loaded.run("document.getElementById('detail').open")
    # the focus returns to the picture that was looked at last
    assert (
        loaded.run(
            "[...document.querySelectorAll('.card')]"
            '.indexOf(document.activeElement)'
        )
        == 1
    )
    # bars of the histogram are buttons
    loaded.run("document.querySelectorAll('.bin')[9].focus()")
    loaded.press('Enter')
    assert loaded.run('state.bin') == '9'


@needs_browser
@pytest.mark.parametrize('dark', [False, True])
@pytest.mark.parametrize(('width', 'mobile'), [(1280, False), (390, True)])
def test_fits_the_screen_and_the_colour_scheme(
    browser, page, tmp_path, width, mobile, dark
):
    browser.look(width, 844, dark=dark, mobile=mobile)
    browser.open(page)
    browser.settle()
    assert browser.run('document.documentElement.scrollWidth') <= width
    paper, ink = browser.run(
        """['backgroundColor', 'color'].map(name =>
            getComputedStyle(document.body)[name].match(/\\d+/g)
              .map(Number).reduce((a, b) => a + b))"""
    )
    assert (ink > paper) == dark
    assert abs(ink - paper) > 500
    browser.screenshot(tmp_path / 'page.png')
    assert browser.problems() == []
    # fingers need room: controls are at least 24 pixels high
    small = browser.run(
        """[...document.querySelectorAll('#toolbar select, #toolbar button')]
            .filter(n => n.offsetParent && n.offsetHeight < 24).length"""
    )
    assert small == 0


@needs_browser
@axe.needs_axe
@pytest.mark.optional
@pytest.mark.parametrize('dark', [False, True])
@pytest.mark.parametrize(('width', 'mobile'), [(1280, False), (390, True)])
def test_axe_finds_nothing(browser, page, width, mobile, dark):
    browser.look(width, 844, dark=dark, mobile=mobile)
    browser.open(page)
    browser.run("document.querySelector('#toolbar details').open = true")
    to_pictures(browser)
    assert axe.violations(browser) == []
    browser.run("document.querySelector('.card').click()")
    browser.settle()
    assert axe.violations(browser) == []
    # the check itself sees what is wrong
    browser.run("document.querySelector('h1').style.color = '#8888'")
    browser.run("document.getElementById('detail').close()")
    [line] = axe.violations(browser)
    assert line.startswith('color-contrast: h1')


PLACES = """[...document.querySelectorAll('.card:first-child .box')]
    .map(node => [node.style.left, node.style.width])"""


@needs_browser
def test_the_slider_redraws_boxes_and_figures(loaded):
    chosen = loaded.run(PLACES)
    before = loaded.run('kindCounts(RUNS[0])')
    # what the table tells of the threshold that was chosen
    told = loaded.run('Math.max(...RUNS[0].curves[0][1])')
    assert f'Top-1 Loc {told:.1f} %' in text(loaded, '#figures')
    choose(loaded, 'Threshold', '0.9')
    assert loaded.run('location.hash') == '#tau=0.9'
    # the annotation stays, boxes shrink
    high = loaded.run(PLACES)
    assert high[0] == chosen[0]
    assert high[1] != chosen[1]
    assert float(high[1][1][:-1]) < float(chosen[1][1][:-1])
    counts = loaded.run('kindCounts(RUNS[0])')
    assert sum(counts) == COUNT
    assert counts != before
    # the histogram and the figures are those of the threshold
    share = loaded.run(
        'RUNS[0].curves[0][1][DATA.curves[0].thresholds'
        '.findIndex(t => Math.abs(t - .9) < 1e-6)]'
    )
    assert f'Top-1 Loc {share:.1f} %' in text(loaded, '#figures')
    assert 100 * counts[0] / COUNT == pytest.approx(share, abs=0.01)
    chip = '.chips button:first-child'
    assert text(loaded, chip) == f'Right {counts[0]}'
    assert f'{100 * counts[0] / COUNT:.1f}' in text(loaded, '.kinds .num')
    # both sliders are one
    assert set(
        loaded.run(
            "[...document.querySelectorAll('.tau-slider')].map(n => n.value)"
        )
    ) == {'0.9'}
    choose(loaded, 'Sort', 'worst')
    worst = column(loaded, 'view(run, i, 0).iou')
    assert worst == sorted(worst)
    choose(loaded, 'Sort', 'file')
    loaded.run(
        "[...document.querySelectorAll('#toolbar button')]"
        ".find(n => n.textContent === 'As chosen').click()"
    )
    loaded.settle()
    assert loaded.run(PLACES) == chosen
    assert loaded.run('location.hash') == ''


@needs_browser
def test_a_box_of_the_slider_has_the_overlap_that_is_told(loaded):
    choose(loaded, 'Threshold', '0.4')
    for of in (0, 1):
        pairs = loaded.run(
            f'IMAGES.map((image, i) => [image.slice(1, 3), image[4][0],'
            f' ...(v => [v.box, v.iou])(view(RUNS[1], i, {of}))])'
        )
        for (width, height), truth, box, iou in pairs:
            scale = [224 / width, 224 / height] * 2
            found = iou_inclusive(
                [[v * s for v, s in zip(box, scale, strict=True)]],
                [[v * s for v, s in zip(truth, scale, strict=True)]],
            )
            assert iou == pytest.approx(found.item(), abs=0.03)


@needs_browser
def test_on_a_phone_every_kind_stands_beside_its_number(browser, page):
    browser.look(390, 844, mobile=True)
    browser.open(page)
    browser.settle()
    rows = browser.run(
        """[...document.querySelectorAll('.kinds > div')].map(row =>
            ['dt', '.num', '.txt'].map(name =>
              row.querySelector(name).getBoundingClientRect())
            .map(b => [b.left, b.top, b.right, b.bottom]))"""
    )
    for name, number, words in rows:
        assert name[1] == pytest.approx(number[1], abs=3)
        assert name[2] <= number[0]
        assert words[1] >= name[3] - 1
    # two runs are seen without moving the table
    wide = "(n => n.scrollWidth - n.clientWidth)(document.querySelector('%s'))"
    assert browser.run(wide % '.scroll') == 0
    outside = browser.run(
        """[...document.querySelectorAll('#toolbar *')].filter(n =>
            n.getBoundingClientRect().right > innerWidth).length"""
    )
    assert outside == 0


@needs_browser
def test_a_set_without_boxes(folder, browser):
    items = make_results(folder / 'pictures', COUNT, 0, relative=True)
    results = dump_results(folder / 'bare.pkl', without_boxes(items))
    page = folder / 'bare.html'
    build_report([results], page, data_root=folder / 'pictures')
    browser.look()
    browser.open(page)
    to_pictures(browser)
    assert browser.problems() == []
    assert 'No localization figures' in text(browser, '#summary')
    titles = browser.run(
        "[...document.querySelectorAll('.chart h3')].map(n => n.textContent)"
    )
    assert titles == ['What goes wrong', 'Class by class']
    assert browser.run('Object.keys(SORTS)') == ['file', 'sure', 'class']
    assert 'IoU' not in text(browser, '#gallery')
    assert count(browser, '.card:first-child .box') == 1
    chosen = browser.run(PLACES)
    choose(browser, 'Threshold', '0.9')
    assert browser.run(PLACES) != chosen
    assert 'No figure says which' in text(browser, '#figures')
    if axe.SCRIPT:
        assert axe.violations(browser) == []
    browser.run("document.querySelector('.card').click()")
    assert 'IoU' not in text(browser, '#detail')
    assert browser.problems() == []


@needs_browser
def test_learning_curves_of_a_log_beside_the_predictions(folder, browser):
    run = folder / 'trained'
    items = make_results(folder / 'pictures', 8, 0, relative=True)
    run.mkdir()
    results = dump_results(run / 'scm.pkl', items)
    scalars = run / '1' / 'vis_data' / 'scalars.json'
    scalars.parent.mkdir(parents=True)
    lines = [{'loss': 2 / (1 + k), 'step': k} for k in range(1, 30)]
    # one that was made once is seen, too
    lines += [{'wsol/scm/top1_loc': 10 * k, 'step': k} for k in (1, 2)]
    lines += [{'wsol/scm/gt_known_acc': 55.5, 'step': 2}]
    for name in ('scm', 'tscam'):  # of no protocol, told once
        lines += [{f'wsol/{name}/top1_cls_acc': 77.7, 'step': 2}]
    scalars.write_text('\n'.join(map(json.dumps, lines)))
    build_report([results], run / 'a.html', data_root=folder / 'pictures')
    browser.look()
    browser.open(run / 'a.html')
    browser.settle()
    titles = browser.run(
        "[...document.querySelectorAll('.chart h3')].map(n => n.textContent)"
    )
    assert titles[-2:] == [
        'Loss of the training',
        'Validations of the training',
    ]
    assert count(browser, '.dot') == 4
    told = text(browser, '.chart:last-child .legend')
    assert 'Top-1 Loc (scm): 20.0' in told
    assert 'GT-known (scm): 55.5' in told
    assert told.endswith('Top-1 classification: 77.7')
    assert browser.problems() == []


@needs_browser
def test_one_run_alone(folder, browser):
    build_report(
        [folder / 'first.pkl'],
        folder / 'one.html',
        title='Only <one>',
        protocol='tscam',
        threshold='otsu',
        data_root=folder / 'pictures',
    )
    browser.look()
    browser.open(folder / 'one.html')
    to_pictures(browser)
    assert browser.problems() == []
    assert text(browser, 'h1') == 'Only <one>'
    assert 'Otsu’s of each map' in text(browser, '.lead')
    assert count(browser, '#toolbar select') == 3
    assert count(browser, '.card:first-child .box') == 2
    assert 'differ' not in browser.run('Object.keys(SORTS)')
