# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""From pickles of test runs to the file of the report."""

import datetime
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from projects.scm.reporting.learning import read_learning
from projects.scm.reporting.masks import find_masks, read_outline
from projects.scm.reporting.measures import (
    build_plan,
    measure_run,
    slider_thresholds,
)
from projects.scm.reporting.page import Page, render_page
from projects.scm.reporting.records import (
    Record,
    align_runs,
    load_records,
)
from projects.scm.reporting.thumbnails import (
    choose_side,
    encode_thumbnails,
    locate,
)
from projects.scm.utils import write_file
from projects.scm.utils.progress import track
from projects.scm.utils.run_card import RunCard, read_card
from projects.scm.version import __version__

PICTURE_SHARE = 0.75
"""Share of the largest page size that pictures may take; maps, boxes and
their base64 (4/3) take the rest."""
SLIDER_SHARE = 0.1
"""Share that boxes at all thresholds may take."""


def build_report(
    results: Sequence[str | Path],
    out: str | Path,
    names: Sequence[str] | None = None,
    title: str | None = None,
    protocol: str = 'scm',
    threshold: str | float | None = None,
    classes: str | Path | None = None,
    data_root: str | Path | None = None,
    max_mb: float = 60,
) -> int:
    """Write one HTML page of one or several test runs.

    Args:
        results (Sequence[str | Path]): Pickles of ``tools/test.py --out``, of
            the same images.
        out (str | Path): The page.
        names (Sequence[str], optional): Of the runs. Defaults to None: the
            names of their configs, where they are known and differ, else of
            the files, with their folders where they are called alike.
        title (str, optional): Defaults to None: the names of the runs.
        protocol (str): Whose boxes and errors are shown. Defaults to
            ``'scm'``.
        threshold (str | float, optional): See
            :func:`~projects.scm.reporting.measures.build_plan`.
        classes (str | Path, optional): File with a class name a line, or
            with the name of a folder and a better one. Defaults to None: the
            folders of the images, where each class has one of its own.
        data_root (str | Path, optional): Where the images are now; see
            :func:`~projects.scm.visualization.report.thumbnails.locate`.
            Defaults to None: the working folder.
        max_mb (float): Largest page in 10⁶ bytes; decides how large pictures
            are. Defaults to 60.

    Returns:
        int: Size of the page in bytes.

    Raises:
        FileNotFoundError: If a file or picture is missing.
        ValueError: If a file is not as expected; the message names it.
    """
    cards = [read_card(path) for path in results]
    names = _names(results, cards) if names is None else names
    if len(names) != len(results) or not results:
        raise ValueError(
            f'names: expected {len(results)}, one a file, got {len(names)}'
        )
    plan = build_plan(protocol, threshold)
    runs = align_runs([load_records(path) for path in results], names)
    runs = [find_masks(run, data_root) for run in runs]
    first = runs[0]
    named = folder_names(first)
    if classes:
        named = names_by_id(classes, named) or read_class_names(classes)
    paths = locate([record.img_path for record in first], data_root)
    sizes = [record.size_wh for record in first]

    taus = slider_thresholds(
        2 * len(runs) * len(first), int(max_mb * 1e6 * SLIDER_SHARE)
    )
    measures = [
        measure_run(plan, track(run, f'Measuring {name}'), taus)
        for name, run in zip(names, runs, strict=True)
    ]
    side = choose_side(paths, sizes, int(max_mb * 1e6 * PICTURE_SHARE * 0.75))
    workers = min(8, os.cpu_count() or 1)
    small = encode_thumbnails(paths, sizes, side, workers)
    thumbnails = list(track(small, 'Shrinking pictures', len(paths)))
    page = render_page(
        Page(
            title=title or ' and '.join(names),
            names=names,
            runs=runs,
            measures=measures,
            classes=named,
            thumbnails=thumbnails,
            outlines=[read_outline(r, plan.frame_size_wh) for r in first],
            ious=plan.iou_thresholds,
            cards=cards,
            learning=[
                read_learning(Path(path).parent / card.work_dir)
                for path, card in zip(results, cards, strict=True)
            ],
            made=_made(),
        )
    ).encode()
    if len(page) > max_mb * 1e6:
        raise ValueError(
            f'the page takes {len(page) / 1e6:.1f} MB, expected at most '
            f'{max_mb:g}; raise --max-mb'
        )
    write_file(out, page)
    return len(page)


def _names(results: Sequence[str | Path], cards: Sequence[RunCard]) -> list:
    """Configs' names where all are known and differ, else files'."""
    configs = [Path(card.config).stem for card in cards]
    if all(configs) and len(set(configs)) == len(configs):
        return configs
    files = [Path(path).resolve() for path in results]
    stems = [file.stem for file in files]
    if len(set(stems)) == len(stems):
        return stems
    # work_dirs/scm/predictions.pkl: the folder tells them apart
    return [f'{file.parent.name}/{file.stem}' for file in files]


def _made() -> str:
    now = datetime.datetime.now().astimezone()
    return f'Page of {now:%Y-%m-%d %H:%M}, by SCM-WSOL {__version__}.'


def read_class_names(path: str | Path) -> dict[int, str]:
    """Read class names, one a line, in the order of the labels.

    CUB's ``classes.txt`` (``1 001.Black_footed_Albatross``) is understood:
    where every line starts with its number from 1, the number goes.

    Args:
        path (str | Path): A text file.

    Returns:
        dict[int, str]: Names by label, from 0.
    """
    lines = Path(path).read_text('utf-8').splitlines()
    lines = [line.strip() for line in lines if line.strip()]
    numbered = all(
        line.split(maxsplit=1)[0] == str(number) and len(line.split()) > 1
        for number, line in enumerate(lines, 1)
    )
    if numbered:
        lines = [line.split(maxsplit=1)[1] for line in lines]
    return {label: _readable(name) for label, name in enumerate(lines)}


def names_by_id(
    path: str | Path, ids: Mapping[int, str]
) -> dict[int, str] | None:
    """Readable names of classes that are called by ids, as WordNet's are.

    Args:
        path (str | Path): A text file, a line an id and its name, as
            ImageNet's ``LOC_synset_mapping.txt`` (``n02086240 Shih-Tzu``);
            of several names, separated by commas, the first is taken.
        ids (Mapping[int, str]): Ids by label, see :func:`folder_names`.

    Returns:
        dict[int, str] | None: Names by label; None unless the file has an id
        and a name in every line, and those of all classes.
    """
    lines = Path(path).read_text('utf-8').splitlines()
    pairs = [line.split(maxsplit=1) for line in lines if line.strip()]
    if not ids or any(len(pair) < 2 for pair in pairs):
        return None
    names = {key: name.partition(',')[0].strip() for key, name in pairs}
    if not set(ids.values()) <= names.keys():
        return None
    return {label: _readable(names[key]) for label, key in ids.items()}


def folder_names(records: Sequence[Record]) -> Mapping[int, str]:
    """Names of classes by the folders of their images.

    Args:
        records (Sequence[Record]): Of one run.

    Returns:
        Mapping[int, str]: Names by label; empty unless every class has
        exactly one folder, and no other class has it.
    """
    folders: dict[int, set] = {}
    for record in records:
        parent = Path(record.img_path).parent.name
        folders.setdefault(record.gt_label, set()).add(parent)
    names = [folder for group in folders.values() for folder in group]
    if len(names) != len(folders) or len(set(names)) != len(names):
        return {}
    return {label: _readable(group.pop()) for label, group in folders.items()}


def _readable(name: str) -> str:
    """``001.Black_footed_Albatross`` as ``Black footed Albatross``."""
    number, dot, rest = name.partition('.')
    if dot and rest and number.isdecimal():
        name = rest
    return name.replace('_', ' ')
