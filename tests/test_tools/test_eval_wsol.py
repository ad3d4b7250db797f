# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Offline evaluation: formats, errors, processes."""

import csv
import importlib.util
import json
import re
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy import stats
from synthetic_results import dump_results, make_results

from projects.scm.apis.outputs import FORMATS
from projects.scm.evaluation.functional import (
    EvaluationPlan,
    merge_masks,
    pixel_histograms,
    pxap,
    record_image,
    summarize,
)
from projects.scm.evaluation.metrics import WSOLEvaluator
from projects.scm.structures import normalize_score_map, resize_score_map

FOLDER = Path(__file__).resolve().parents[2] / 'tools' / 'analysis_tools'
NAMES = [f'a/{i}.jpg' for i in range(5)] + ['b/x,y.png']
SIZES = [(100, 80), (64, 64), (50, 90), (120, 60), (80, 80), (70, 75)]
BOXES = [
    [(10, 10, 60, 50)],
    [(0, 0, 64, 64)],
    [(5, 20, 40, 80)],
    [(30, 5, 100, 55), (0, 0, 20, 20)],
    [(20, 20, 60, 60)],
    [(1, 2, 30, 40)],
]
LABELS = [0, 0, 1, 1, 2, 2]
HEADER = ['path', 'width', 'height', 'x0', 'y0', 'x1', 'y1']


@pytest.fixture(scope='module')
def tool():
    for path in (str(FOLDER.parent), str(FOLDER)):
        if path not in sys.path:
            sys.path.insert(0, path)
    spec = importlib.util.spec_from_file_location(
        'eval_wsol', FOLDER / 'eval_wsol.py'
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules['eval_wsol'] = module
    spec.loader.exec_module(module)
    return module


def run(tool, *args):
    tool.main([str(arg) for arg in args])


def fails(tool, message, *args):
    with pytest.raises(SystemExit, match='error: ') as info:
        run(tool, *args)
    assert re.search(message, str(info.value)), info.value


@pytest.fixture
def maps():
    rng = np.random.default_rng(0)
    return [cv2.GaussianBlur(rng.random((14, 14)), (0, 0), 2) for _ in NAMES]


@pytest.fixture
def folder(tmp_path, maps):
    root = tmp_path / 'maps'
    for name, score_map in zip(NAMES, maps, strict=True):
        file = root / f'{name}.npy'
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, score_map)
    return root


@pytest.fixture
def metadata(tmp_path):
    root = tmp_path / 'metadata'
    root.mkdir()
    rows = list(zip(NAMES, LABELS, SIZES, BOXES, strict=True))
    for name, lines in {
        'image_ids': [n for n, *_ in rows],
        'class_labels': [f'{n},{label}' for n, label, *_ in rows],
        'image_sizes': [f'{n},{w},{h}' for n, _, (w, h), _ in rows],
        'localization': [
            f'{n},{",".join(map(str, box))}'
            for n, *_, boxes in rows
            for box in boxes
        ],
    }.items():
        (root / f'{name}.txt').write_text('\n'.join(lines))
    return root


@pytest.fixture
def expected(maps):
    plan = EvaluationPlan.build(['wsoleval'])
    records = [
        record_image(
            plan,
            score_map[None],
            [label],
            label,
            boxes,
            size,
            ranking=None,
            name=name,
        )
        for score_map, label, boxes, size, name in zip(
            maps, LABELS, BOXES, SIZES, NAMES, strict=True
        )
    ]
    return summarize(plan, records)[0]


def read_figures(path, protocol):
    content = json.loads(path.read_text())
    return next(p for p in content['protocols'] if p['protocol'] == protocol)


@pytest.mark.parametrize('workers', [1, 2])
def test_folder_of_maps(
    tool, tmp_path, folder, metadata, expected, capsys, workers
):
    out = tmp_path / 'out' / 'figures.json'
    run(
        tool,
        folder,
        *('--metadata', metadata, '--json', out, '--split', 'test'),
        *('--plot', tmp_path / 'plots' / 'curves', '--workers', workers),
    )
    found = read_figures(out, 'wsoleval')
    wanted = json.loads(json.dumps(expected.to_dict()))
    assert found == wanted
    # TS-CAM's GT-known needs no predicted class, SCM's does.
    names = [p['protocol'] for p in json.loads(out.read_text())['protocols']]
    assert names == ['wsoleval', 'tscam']
    assert "split 'test', 6 images" in capsys.readouterr().out
    drawn = sorted(p.name for p in (tmp_path / 'plots').iterdir())
    assert drawn == ['curves.png', 'curves.svg']
    assert [p.name for p in out.parent.iterdir()] == [out.name]


def write_coco(path):
    images, annotations = [], []
    for i, (name, size) in enumerate(zip(NAMES, SIZES, strict=True)):
        image = {'id': i, 'file_name': name}
        images.append(image | {'width': size[0], 'height': size[1]})
        for x0, y0, x1, y1 in BOXES[i]:
            box = [x0, y0, x1 - x0, y1 - y0]
            annotations.append(
                {'image_id': i, 'category_id': LABELS[i], 'bbox': box}
            )
    content = {'images': images, 'annotations': annotations}
    path.write_text(json.dumps(content))


def write_csv(path):
    with path.open('w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(
            ['path', 'width', 'height', 'x0', 'y0', 'x1', 'y1', 'label']
        )
        for name, size, boxes, label in zip(
            NAMES, SIZES, BOXES, LABELS, strict=True
        ):
            for box in boxes:
                writer.writerow([name, *size, *box, label])


def write_voc(path):
    for name, size, boxes, label in zip(
        NAMES, SIZES, BOXES, LABELS, strict=True
    ):
        objects = ''.join(
            f'<object><name>{label}</name><bndbox><xmin>{b[0]}</xmin>'
            f'<ymin>{b[1]}</ymin><xmax>{b[2]}</xmax><ymax>{b[3]}</ymax>'
            '</bndbox></object>'
            for b in boxes
        )
        file = (path / name).with_suffix('.xml')
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(
            f'<annotation><size><width>{size[0]}</width><height>{size[1]}'
            f'</height></size>{objects}</annotation>'
        )


@pytest.mark.parametrize(
    ('option', 'write'),
    [('--coco', write_coco), ('--csv', write_csv), ('--voc', write_voc)],
)
def test_other_formats(tool, tmp_path, folder, expected, option, write):
    if option == '--voc':  # an image is called as its file is, no ending
        for name in NAMES:
            file = folder / f'{name}.npy'
            file.rename((folder / name).with_suffix('.npy'))
    truth, out = tmp_path / 'truth', tmp_path / 'figures.json'
    write(truth)
    run(tool, folder, option, truth, '--json', out)
    found = read_figures(out, 'wsoleval')
    values = {k: f['value'] for k, f in found['figures'].items()}
    assert values == {k: f.value for k, f in expected.figures.items()}


def test_pickle(tool, tmp_path):
    items = make_results(tmp_path / 'pictures')
    items[0].update(num_cut_boxes=2, num_moved_boxes=3)  # by the pipeline
    path, out = tmp_path / 'run.pkl', tmp_path / 'figures.json'
    dump_results(path, items)
    run(tool, path, '--json', out, '--workers', 2)
    for summary in WSOLEvaluator.calculate(
        items, ['wsoleval', 'tscam', 'scm']
    ):
        found = read_figures(out, summary.protocol.name)
        assert found == json.loads(json.dumps(summary.to_dict()))
        assert (found['num_cut_boxes'], found['num_moved_boxes']) == (2, 3)


def test_pickle_with_other_annotation(tool, tmp_path):
    items = make_results(tmp_path / 'pictures')
    path, truth = tmp_path / 'run.pkl', tmp_path / 'truth.csv'
    dump_results(path, items)
    rows = [
        [
            '/'.join(Path(item['img_path']).parts[-2:]),
            *item['ori_shape'][1::-1],
            *item['instances'][0]['bbox'],
        ]
        for item in items
    ]

    def write(rows):
        with truth.open('w', newline='') as file:
            csv.writer(file).writerows([HEADER, *rows])

    write(rows)
    out = tmp_path / 'figures.json'
    run(tool, path, '--csv', truth, '--json', out, '--protocol', 'scm')
    (summary,) = WSOLEvaluator.calculate(items, 'scm')
    found = read_figures(out, 'scm')['figures']['gt_known_acc']['value']
    assert found == summary.figures['gt_known_acc'].value
    write(rows[1:])
    fails(tool, 'an extra image', path, '--csv', truth)
    write([*rows, ['c/none.jpg', 9, 9, 1, 1, 5, 5]])
    fails(tool, r'c/none\.jpg: missing, an image', path, '--csv', truth)
    rows[0][1] += 9
    write(rows)
    fails(tool, 'ori_shape: .* were annotated in', path, '--csv', truth)


def test_labels_that_disagree(tool, tmp_path):
    items = make_results(tmp_path / 'pictures', count=2)
    path, truth = tmp_path / 'run.pkl', tmp_path / 'truth.json'
    dump_results(path, items)
    images, annotations = [], []
    for i, item in enumerate(items):
        height, width = (int(side) for side in item['ori_shape'][:2])
        name = '/'.join(Path(item['img_path']).parts[-2:])
        images.append(
            {'id': i, 'file_name': name, 'width': width, 'height': height}
        )
        annotations.append(
            {'image_id': i, 'category_id': 5, 'bbox': [1, 1, 9, 9]}
        )
    truth.write_text(
        json.dumps({'images': images, 'annotations': annotations})
    )
    fails(tool, r'gt_label: 0 disagrees with 5', path, '--coco', truth)


def named(items):
    return ['/'.join(Path(item['img_path']).parts[-2:]) for item in items]


def gt_known(path):
    return read_figures(path, 'scm')['figures']['gt_known_acc']['value']


@pytest.fixture
def test_run(tmp_path):
    """A test run, its items, and the figure that is right."""
    items = make_results(tmp_path / 'pictures')
    path = tmp_path / 'run.pkl'
    dump_results(path, items)
    (summary,) = WSOLEvaluator.calculate(items, 'scm')
    return path, items, summary.figures['gt_known_acc'].value


def test_pickle_with_ids_from_one(tool, tmp_path, test_run):
    """The order of the categories tells the labels."""
    path, items, expected = test_run
    truth, out = tmp_path / 'truth.json', tmp_path / 'figures.json'
    labels = sorted({int(item['gt_label'][0]) for item in items})
    categories = [
        {'id': i + 1, 'name': f'c{i}'} for i in range(labels[-1] + 1)
    ]
    images, annotations = [], []
    for i, (name, item) in enumerate(zip(named(items), items, strict=True)):
        height, width = (int(side) for side in item['ori_shape'][:2])
        images.append(
            {'id': i, 'file_name': name, 'width': width, 'height': height}
        )
        x0, y0, x1, y1 = map(float, item['instances'][0]['bbox'])
        annotations.append(
            {
                'image_id': i,
                'category_id': int(item['gt_label'][0]) + 1,
                'bbox': [x0, y0, x1 - x0, y1 - y0],
            }
        )
    content = {
        'images': images,
        'annotations': annotations,
        'categories': categories,
    }
    truth.write_text(json.dumps(content))
    common = ('--coco', truth, '--json', out, '--protocol', 'scm')
    run(tool, path, *common)
    assert gt_known(out) == expected
    annotations[0]['category_id'] = 1 + (annotations[0]['category_id'] == 1)
    truth.write_text(json.dumps(content))
    fails(tool, r'gt_label: \d+ disagrees with', path, '--coco', truth)


def test_pickle_with_names_without_extension(tool, tmp_path, test_run):
    path, items, expected = test_run
    folder, out = tmp_path / 'xml', tmp_path / 'figures.json'
    corners = ('xmin', 'ymin', 'xmax', 'ymax')
    for name, item in zip(named(items), items, strict=True):
        file = (folder / name).with_suffix('.xml')
        file.parent.mkdir(parents=True, exist_ok=True)
        box = ''.join(
            f'<{tag}>{float(x)}</{tag}>'
            for tag, x in zip(
                corners, item['instances'][0]['bbox'], strict=True
            )
        )
        file.write_text(
            f'<annotation><object><name>c{int(item["gt_label"][0])}</name>'
            f'<bndbox>{box}</bndbox></object></annotation>'
        )
    run(tool, path, '--voc', folder, '--json', out, '--protocol', 'scm')
    assert gt_known(out) == expected


def test_shares_are_refused(tool, tmp_path, folder):
    truth = tmp_path / 'truth.csv'
    rows = [f'"{name}",64,64,0.1,0.2,0.7,0.9' for name in NAMES]
    truth.write_text('\n'.join([','.join(HEADER), *rows]))
    fails(
        tool,
        r'truth.csv, line 3: a/1.jpg: box .* are these shares of its sides',
        *(folder, '--csv', truth),
    )
    truth.write_text('\n'.join([','.join(HEADER), rows[0], rows[0]]))
    fails(
        tool, r'2 problems:\n.*line 2: .*\n.*line 3: ', folder, '--csv', truth
    )


def test_boxes_of_a_picture_that_was_shown_upright(tool, tmp_path, test_run):
    """The test reads pixels as they are stored; annotators see them turned."""
    path, items, expected = test_run
    truth, out = tmp_path / 'truth.csv', tmp_path / 'figures.json'
    rows = [HEADER]
    for name, item in zip(named(items), items, strict=True):
        height, width = item['ori_shape'][:2]
        x0, y0, x1, y1 = item['instances'][0]['bbox']
        box, size = (x0, y0, x1, y1), (width, height)
        if width != height:
            with Image.open(item['img_path']) as image:
                exif = image.getexif()
                exif[0x0112] = 6  # upright is a quarter turn clockwise
                image.save(item['img_path'], exif=exif)
            box, size = (height - y1, x0, height - y0, x1), (height, width)
        rows.append([name, *size, *box])
    with truth.open('w', newline='') as file:
        csv.writer(file).writerows(rows)
    run(tool, path, '--csv', truth, '--json', out, '--protocol', 'scm')
    assert gt_known(out) == expected
    rows[1][1:3] = 0, 0
    rows[1][3] = rows[1][5] + 900
    rows[1][5] += 999
    with truth.open('w', newline='') as file:
        csv.writer(file).writerows(rows)
    fails(tool, 'line 2: .* lies outside its image', path, '--csv', truth)


def test_maps_with_extension_of_names_without(tool, tmp_path, folder):
    truth, out = tmp_path / 'truth', tmp_path / 'figures.json'
    write_voc(truth)
    run(tool, folder, '--voc', truth, '--json', out)
    assert json.loads(out.read_text())['num_images'] == len(NAMES)


def test_thresholds_of_another_split(tool, tmp_path, folder, metadata):
    file, out = tmp_path / 'thresholds.json', tmp_path / 'figures.json'
    common = (folder, '--metadata', metadata, '--protocol', 'wsoleval')
    run(tool, *common, '--threshold-file', file, '--split', 'val')
    run(
        tool,
        *common,
        *('--threshold', file, '--split', 'test', '--json', out),
    )
    found = read_figures(out, 'wsoleval')
    assert found['threshold_choice'] == 'val (val)'
    fails(
        tool,
        "chosen on the split 'val'",
        *common,
        *('--threshold', file, '--split', 'val'),
    )
    run(tool, *common, '--threshold', '0.2', '--json', out)
    assert read_figures(out, 'wsoleval')['threshold_choice'] == 'fixed'
    fails(tool, "got 'best'", *common, '--threshold', 'best')


def test_bad_maps(tool, folder, metadata):
    file = folder / f'{NAMES[2]}.npy'
    good = np.load(file)
    common = (folder, '--metadata', metadata)
    for bad, message in (
        (np.where(good == good.max(), np.nan, good), r'a/2\.jpg.*NaN'),
        (good[None], r'a/2\.jpg.*\(h, w\).*\(1, 14, 14\)'),
        (good.astype(str), r'a/2\.jpg.*expected numbers'),
    ):
        np.save(file, bad)
        fails(tool, message, *common)
    file.write_bytes(b'nothing')
    fails(tool, r'a/2\.jpg.*not an array', *common)
    file.unlink()
    fails(tool, r'missing image a/2\.jpg', *common)
    np.save(file, good)
    np.save(folder / 'extra.npy', good)
    fails(tool, r'1 extra maps.*extra\.npy', *common)


def replace_line(path, start, line):
    lines = path.read_text().splitlines()
    kept = [line if entry.startswith(start) else entry for entry in lines]
    path.write_text('\n'.join(entry for entry in kept if entry))


@pytest.mark.parametrize(
    ('file', 'line', 'message'),
    [
        ('localization.txt', '', r'a/1\.jpg'),
        ('localization.txt', 'a/1.jpg,50,50,14,14', 'localization.txt, line'),
        ('localization.txt', 'a/1.jpg,64,0,90,64', 'localization.txt, line'),
        ('class_labels.txt', '', 'class_labels.txt'),
        ('class_labels.txt', 'a/1.jpg,bird', 'class_labels.txt, line 2'),
        ('image_sizes.txt', 'a/1.jpg,0,64', 'image_sizes.txt, line 2'),
    ],
)
def test_bad_metadata(tool, folder, metadata, file, line, message):
    replace_line(metadata / file, 'a/1.jpg', line)
    fails(tool, message, folder, '--metadata', metadata)


def test_bad_csv(tool, tmp_path, folder):
    truth = tmp_path / 'truth.csv'
    write_csv(truth)
    good = truth.read_text()
    line = 'a/1.jpg,64,64,0,0,64,64'
    for old, new, message in (
        (line, 'a/1.jpg,64,64,50,50,9,9', r'a/1\.jpg.*x, y, width, height'),
        (line, 'a/1.jpg,64,64,0,0,64,x', 'line 3.*expected a number'),
        (line, 'a/1.jpg,64,64,64,0,99,64', r'a/1\.jpg.*outside its image'),
        ('path,width', 'path,w', r'a/0\.jpg: .* does not tell the size'),
        ('path,', 'file,', "line 1: missing columns.*'path'"),
        ('100,55,1', '100,55,2', r'a/3\.jpg.*classes'),
    ):
        assert old in good
        truth.write_text(good.replace(old, new))
        fails(tool, message, folder, '--csv', truth)


def test_masks(tool, tmp_path, folder, metadata, maps):
    rng = np.random.default_rng(1)
    root = tmp_path / 'masks'
    root.mkdir()
    lines, total = [], 0
    grid = np.arange(0, 1, 0.001)
    for i, name in enumerate(NAMES):
        mask = (rng.random((60, 50)) < 0.3).astype(np.uint8) * 255
        ignore = (rng.random((60, 50)) < 0.2).astype(np.uint8) * 255
        cv2.imwrite(str(root / f'{i}.png'), mask)
        cv2.imwrite(str(root / f'{i}_i.png'), ignore)
        lines.append(f'{name},{i}.png,{i}_i.png')
        resized = resize_score_map(maps[i], (224, 224), 'bicubic')
        total = total + pixel_histograms(
            normalize_score_map(resized), merge_masks([mask], ignore), grid
        )
    (metadata / 'localization.txt').write_text('\n'.join(lines))
    out = tmp_path / 'figures.json'
    common = (folder, '--metadata', metadata, '--mask-root', root)
    run(
        tool,
        *common,
        *('--json', out, '--workers', 2, '--plot', tmp_path / 'curves'),
    )
    found = json.loads(out.read_text())['masks']
    assert found['pxap'] == pxap(total)
    assert max(found['curves']['iou']) == found['peak_pixel_iou']
    assert (tmp_path / 'curves.svg').is_file()
    fails(tool, 'do not apply', *common, '--threshold', '0.1')
    (root / '3.png').write_bytes(b'nothing')
    fails(tool, r'3\.png: mask of a/3\.jpg does not decode', *common)
    (root / '3.png').unlink()
    fails(tool, r'3\.png: no such mask, of a/3\.jpg', *common)


def test_what_is_missing_is_said(tool, tmp_path, folder, metadata):
    fails(tool, 'needs ground truth', folder)
    fails(tool, 'no such file', folder, '--csv', tmp_path / 'none.csv')
    fails(tool, 'no such file', tmp_path / 'none.pkl')
    fails(
        tool,
        'needs predicted classes',
        *(folder, '--metadata', metadata, '--protocol', 'scm'),
    )


def test_pickle_with_metadata_without_extension(tool, tmp_path, test_run):
    path, items, expected = test_run
    metadata, out = tmp_path / 'metadata', tmp_path / 'figures.json'
    metadata.mkdir()
    rows = [
        (
            Path(name).with_suffix('').as_posix(),
            int(item['gt_label'][0]),
            item['ori_shape'][1::-1],
            item['instances'][0]['bbox'],
        )
        for name, item in zip(named(items), items, strict=True)
    ]
    for name, lines in {
        'image_ids': [n for n, *_ in rows],
        'class_labels': [f'{n},{label}' for n, label, *_ in rows],
        'image_sizes': [f'{n},{w},{h}' for n, _, (w, h), _ in rows],
        'localization': [
            f'{n},{",".join(map(str, map(float, box)))}' for n, *_, box in rows
        ],
    }.items():
        (metadata / f'{name}.txt').write_text('\n'.join(lines))
    options = ('--json', out, '--protocol', 'scm')
    run(tool, path, '--metadata', metadata, *options)
    assert gt_known(out) == expected
    for file in metadata.iterdir():
        file.write_text(file.read_text().replace(rows[0][0], 'else/where'))
    message = 'an extra image, it is not in the annotation: .*else/where'
    fails(tool, f'(?s){message}', path, '--metadata', metadata)


@pytest.mark.parametrize('kind', ['coco', 'csv'])
def test_results_of_localize_are_an_annotation(
    tool, tmp_path, folder, expected, kind
):
    """What this project writes, it reads."""
    writer = FORMATS[kind](tmp_path / 'out', ('zero', 'one', 'two'))
    for name, label, (width, height), boxes in zip(
        NAMES, LABELS, SIZES, BOXES, strict=True
    ):
        writer.add(
            dict(
                name=name,
                img_path=name,
                file_name=name,
                width=width,
                height=height,
                pred_label=label,
                pred_score=0.75,
                bboxes=np.array(boxes, np.float32),
                labels=np.full(len(boxes), label),
                scores=np.full(len(boxes), 0.5, np.float32),
            )
        )
    written = writer.close()
    out = tmp_path / 'figures.json'
    run(tool, folder, f'--{kind}', written, '--json', out)
    found = read_figures(out, 'wsoleval')
    values = {k: f['value'] for k, f in found['figures'].items()}
    assert values == {k: f.value for k, f in expected.figures.items()}


def test_differences_to_another_run(tool, tmp_path, test_run, capsys):
    path, items, gt_known_acc = test_run
    others = make_results(tmp_path / 'pictures', seed=1)[::-1]
    other, out = tmp_path / 'other.pkl', tmp_path / 'figures.json'
    dump_results(other, others)
    options = ('--protocol', 'scm', '--compare-with', other)
    run(tool, path, *options, '--json', out)
    (mine,) = WSOLEvaluator.calculate(items, 'scm')
    (theirs,) = WSOLEvaluator.calculate(others[::-1], 'scm')
    found = json.loads(out.read_text())['differences']
    assert found['to'] == str(other)
    lead, low, high = found['intervals']['scm']['gt_known_acc']
    assert lead == pytest.approx(
        gt_known_acc - theirs.figures['gt_known_acc'].value
    )
    reference = stats.bootstrap(
        [run.figures['gt_known_acc'].hits * 100.0 for run in (mine, theirs)],
        lambda a, b, axis: (a - b).mean(axis),
        paired=True,
        vectorized=True,
        method='percentile',
        rng=np.random.default_rng(0),
    ).confidence_interval
    assert (low, high) == pytest.approx(reference, abs=100 / len(items))
    assert low < high
    text = capsys.readouterr().out.partition('Differences to other, ')[2]
    assert 'paired bootstrap over the images, percentiles of 10,000' in text
    assert f'{lead:+.2f}  {low:+.1f} to {high:+.1f}' in text
    # The same set in another folder; other images, or other boxes.
    for item in others:
        item['img_path'] = item['img_path'].replace('/pictures/', '/copy/')
    dump_results(other, others)
    run(tool, path, *options, '--json', out)
    found = json.loads(out.read_text())['differences']['intervals']
    assert found['scm']['gt_known_acc'] == [lead, low, high]
    dump_results(other, others[1:])
    fails(tool, 'other.pkl: expected the 12 images', path, *options)
    others[0]['instances'][0]['bbox'] = [1, 1, 40, 40]
    dump_results(other, others)
    fails(tool, 'other.pkl: .*: another class or other', path, *options)
    fails(tool, 'no such file', path, '--compare-with', tmp_path / 'x.pkl')


def test_differences_of_folders_of_maps(tool, tmp_path, folder, metadata):
    out = tmp_path / 'figures.json'
    common = (folder, '--metadata', metadata, '--compare-with')
    run(tool, *common, folder, '--json', out)
    found = json.loads(out.read_text())['differences']['intervals']
    assert found['wsoleval']['max_box_acc_v2'] == [0, 0, 0]
    dump_results(tmp_path / 'run.pkl', make_results(tmp_path / 'pictures'))
    fails(
        tool,
        'images of the annotation|an extra',
        *common,
        tmp_path / 'run.pkl',
    )
