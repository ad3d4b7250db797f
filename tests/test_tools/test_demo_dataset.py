# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""tools/demo: the demonstration dataset."""

import colorsys
import hashlib
import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from projects.scm.datasets import CUBLocalization

DEMO = Path(__file__).resolve().parents[2] / 'tools' / 'demo'
SMALL = ('--train', '3', '--test', '2')


@pytest.fixture(scope='module')
def demo() -> Iterator[SimpleNamespace]:
    """The modules of the tool, which is a folder of scripts."""
    sys.path.insert(0, str(DEMO))
    try:
        import composing
        import make_dataset
        import photographs

        yield SimpleNamespace(
            composing=composing,
            make_dataset=make_dataset,
            photographs=photographs,
        )
    finally:
        sys.path.remove(str(DEMO))


@pytest.fixture(scope='module')
def photos(demo: SimpleNamespace) -> dict:
    return {
        split: demo.photographs.load_photographs(
            split, list(demo.composing.CLASS_HUES)
        )
        for split in ('train', 'test')
    }


def digest(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(
            file.read_bytes()
        ).hexdigest()
        for file in sorted(folder.rglob('*'))
        if file.is_file()
    }


@pytest.fixture(scope='module')
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small set, made as users make it, from another directory."""
    folder = tmp_path_factory.mktemp('demo')
    subprocess.run(
        [sys.executable, DEMO / 'make_dataset.py', '--out', 'a/set', *SMALL],
        cwd=folder,
        check=True,
    )
    return folder / 'a' / 'set'


def test_cub_readers_read_it(made: Path, demo: SimpleNamespace) -> None:
    names = list(demo.composing.CLASS_HUES)
    for split, count in (('train', 3), ('test', 2)):
        dataset = CUBLocalization(str(made), split=split, with_boxes=True)
        assert list(dataset.CLASSES) == names
        labels = [item['gt_label'] for item in dataset]
        assert np.bincount(labels).tolist() == [count] * len(names)
        for item in dataset:
            image = cv2.imread(item['img_path'])
            assert image.shape == (128, 128, 3)
            (instance,) = item['instances']
            x0, y0, x1, y1 = instance['bbox']
            assert 0 <= x0 < x1 <= 128
            assert 0 <= y0 < y1 <= 128
    assert (made / 'classes.txt').read_text().startswith('1 001.Orange_Fish\n')


def test_a_seed_gives_the_same_bytes(
    made: Path, demo: SimpleNamespace, tmp_path: Path
) -> None:
    make = demo.make_dataset.main
    make(['--out', str(tmp_path / 'b'), *SMALL])
    assert digest(tmp_path / 'b') == digest(made)
    make(['--out', str(tmp_path / 'c'), *SMALL, '--seed', '1'])
    images = {k: v for k, v in digest(made).items() if k.endswith('.jpg')}
    others = digest(tmp_path / 'c')
    assert images
    assert all(others[name] != value for name, value in images.items())
    # More images of a seed: those that were there stay.
    make(['--out', str(tmp_path / 'd'), '--train', '4', '--test', '2'])
    more = digest(tmp_path / 'd')
    assert all(more[name] == value for name, value in images.items())


def test_made_once(
    demo: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    make, out = demo.make_dataset.main, tmp_path / 'set'
    make(['--out', str(out), *SMALL])
    before = {file: file.stat().st_mtime_ns for file in out.rglob('*')}
    make(['--out', str(out), *SMALL])
    assert 'there already' in capsys.readouterr().out
    with pytest.raises(SystemExit, match=r"'seed': 0.*--overwrite"):
        make(['--out', str(out), *SMALL, '--seed', '1'])
    assert before == {file: file.stat().st_mtime_ns for file in before}
    make(['--out', str(out), *SMALL, '--seed', '1', '--overwrite'])
    assert '"seed": 1' in (out / 'demo.json').read_text()
    assert [path.name for path in tmp_path.iterdir()] == ['set']


def test_what_is_not_its_own_stays(
    demo: SimpleNamespace, tmp_path: Path
) -> None:
    (tmp_path / 'birds').mkdir()
    (tmp_path / 'file').write_text('mine')
    for name in ('birds', 'file'):
        with pytest.raises(SystemExit, match=f'{name} exists'):
            demo.make_dataset.main(
                ['--out', str(tmp_path / name), *SMALL, '--overwrite']
            )
    assert (tmp_path / 'file').read_text() == 'mine'


def test_an_interrupted_run_leaves_nothing(
    demo: SimpleNamespace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compose, calls = demo.composing.compose, itertools.count()

    def interrupted(*args: object) -> object:
        if next(calls) == 4:
            raise KeyboardInterrupt
        return compose(*args)

    monkeypatch.setattr(demo.make_dataset, 'compose', interrupted)
    with pytest.raises(KeyboardInterrupt):
        demo.make_dataset.main(['--out', str(tmp_path / 'set'), *SMALL])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ('argument', 'value'), [('--train', '0'), ('--seed', '-1')]
)
def test_arguments_are_checked(
    demo: SimpleNamespace,
    argument: str,
    value: str,
    capsys: pytest.CaptureFixture,
) -> None:
    with pytest.raises(SystemExit):
        demo.make_dataset.main(['--out', 'nowhere', argument, value])
    assert f'{argument} must be at least' in capsys.readouterr().err


def test_boxes_are_tight(demo: SimpleNamespace, photos: dict) -> None:
    """Between a black and a white object only its own pixels differ."""
    compose = demo.composing.compose
    for split, label, seed in itertools.product(photos, range(6), range(5)):
        images, boxes = [], []
        for value in (0, 255):
            objects = [
                [painted(cutout, value) for cutout in cutouts]
                for cutouts in photos[split].objects
            ]
            image, box = compose(
                label,
                demo.photographs.Photographs(
                    objects,
                    photos[split].distractors,
                    photos[split].backgrounds,
                ),
                np.random.default_rng(seed),
            )
            images.append(image.astype(float))
            boxes.append(box)
        assert boxes[0] == boxes[1]
        difference = np.abs(images[1] - images[0]).max(2)
        rows, columns = np.nonzero(difference > difference.max() / 2)
        measured = (
            columns.min(),
            rows.min(),
            columns.max() + 1,
            rows.max() + 1,
        )
        # Light falls unevenly on the object, so half of the largest
        # difference is half of the alpha only nearly.
        np.testing.assert_allclose(boxes[0], measured, atol=1)


def painted(cutout: np.ndarray, value: int) -> np.ndarray:
    cutout = cutout.copy()
    cutout[..., :3] = value
    return cutout


def test_only_the_object_tells_the_class(
    demo: SimpleNamespace, photos: dict
) -> None:
    """From the same chance, images of two classes differ in objects only."""
    compose = demo.composing.compose
    for seed in range(12):
        drawn = [
            compose(label, photos['train'], np.random.default_rng(seed))
            for label in range(6)
        ]
        sizes = [(x1 - x0) * (y1 - y0) for _, (x0, y0, x1, y1) in drawn]
        assert np.sqrt(np.max(sizes) / np.min(sizes)) < 1.12
        outside = np.ones((128, 128), bool)
        for _, (x0, y0, x1, y1) in drawn:
            # The soft border of the alpha lies outside of the box.
            outside[max(y0 - 9, 0) : y1 + 9, max(x0 - 9, 0) : x1 + 9] = False
        stack = np.stack([image[outside] for image, _ in drawn]).astype(float)
        # Noise of standard deviation 2 is all that is left.
        assert np.ptp(stack, axis=0).max() < 25
        assert np.std(stack, axis=0).mean() < 3


def test_tint(demo: SimpleNamespace, photos: dict) -> None:
    for cutouts in photos['train'].objects + photos['test'].objects:
        for cutout, hue in itertools.product(cutouts, (0.0, 100.0, 270.0)):
            tinted = demo.composing.tint(cutout, hue)
            assert np.array_equal(tinted[..., 3], cutout[..., 3])
            mean = np.average(
                tinted[..., :3], axis=(0, 1), weights=cutout[..., 3]
            )
            found, _, _ = colorsys.rgb_to_hls(*(mean / 255))
            turn = (found * 360 - hue + 180) % 360 - 180
            assert abs(turn) < 15


def test_every_photograph_has_credits_and_one_split() -> None:
    root = DEMO / 'photos'
    credit_file = root / 'CREDITS.txt'
    _, *blocks = credit_file.read_text().split('\n\nCopyright: ')
    listed = []
    for block in blocks:
        _, source, licence, heading, *files = block.strip().splitlines()
        assert source.startswith('Source: https://')
        assert licence in ('License: Public Domain', 'License: CC0-1.0')
        assert heading == 'Files:'
        files = [file.strip() for file in files]
        assert len({file.split('/')[0] for file in files}) == 1, files
        listed += files
    stored = [str(file.relative_to(root)) for file in root.rglob('*.webp')]
    assert sorted(listed) == sorted(stored)
    assert sum((root / file).stat().st_size for file in stored) < 1.5e6


def test_missing_and_damaged_photographs(
    demo: SimpleNamespace, tmp_path: Path
) -> None:
    load = demo.photographs.load_photographs
    folder = tmp_path / 'train' / 'classes' / 'Cat'
    folder.mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match=r'no \*\.webp in .*Cat'):
        load('train', ['Cat'], tmp_path)
    (folder / 'a.webp').write_bytes(b'none')
    with pytest.raises(ValueError, match=r'a\.webp does not decode'):
        load('train', ['Cat'], tmp_path)
    cv2.imwrite(str(folder / 'a.webp'), np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(ValueError, match=r'expected 4 channels'):
        load('train', ['Cat'], tmp_path)
