# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Localise objects in photographs and videos."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from projects.scm.utils.counting import counted
from projects.scm.utils.light_imports import (
    without_collecting,
    without_sharding,
)
from projects.scm.utils.trust import TRUST_HELP, trusted
from projects.scm.utils.upstream_scripts import check_file, check_files

if TYPE_CHECKING:
    from projects.scm.apis import WSOLInferencer
    from projects.scm.apis.sources import FoundInputs, Source
    from projects.scm.mmdet.detector_inferencer import DetectorInferencer

FORMATS = ('coco', 'csv', 'yolo', 'label-studio', 'cvat', 'fiftyone')
EPILOG = """\
Results are written as they come. A picture that cannot be read costs no
other: it is named at the end, and the exit status is 1.
"""


def number_or_text(value: str) -> float | str:
    """A threshold, or what else stands in its place."""
    try:
        return float(value)
    except ValueError:
        return value


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command to a parser."""
    add = parser.add_argument
    parser.epilog = EPILOG
    add(
        'inputs',
        nargs='+',
        help='files, URLs, folders (with all folders below), patterns, videos',
    )
    add(
        '--model',
        required=True,
        help='config; of a detector of mmdet, too, whose best box is taken',
    )
    add('--checkpoint', required=True, help='file or URL')
    add('--out', default='results', help='folder; defaults to results')
    add(
        '--overwrite',
        action='store_true',
        help='replace the results of an earlier run in that folder',
    )
    add(
        '--format',
        nargs='+',
        choices=FORMATS,
        default=['coco'],
        help='of the boxes; several may be given; defaults to coco',
    )
    add(
        '--target',
        default='predicted',
        help='predicted, topk, the name of a class, or its index where no '
        'class is called by a number; defaults to '
        'predicted',
    )
    add('--topk', type=int, default=5, help='for --target topk; default 5')
    add(
        '--threshold',
        type=number_or_text,
        help='share of the largest value of a map above which a pixel '
        'belongs to the object; or otsu; or a file that WSOLEvaluator has '
        "written with threshold_file. Defaults to that of the head's box_cfg",
    )
    add(
        '--threshold-figure',
        default='scm/top1_loc',
        help='which threshold of that file; defaults to scm/top1_loc',
    )
    add(
        '--contours',
        choices=('largest', 'all'),
        help='one box a map, or all; defaults to that of the box_cfg',
    )
    add(
        '--masks',
        action='store_true',
        help='outlines beside the boxes, where the format has a place for '
        'them, and masks/*.png',
    )
    add('--classes', help='file with the names of the classes, one a line')
    add('--batch-size', type=int, default=8, help='defaults to 8')
    add(
        '--frame-interval',
        type=int,
        default=1,
        help='of videos, take every n-th frame; defaults to 1',
    )
    add(
        '--as-stored',
        action='store_true',
        help='do not turn pictures by their EXIF tag',
    )
    add('--no-pictures', action='store_true', help='write boxes alone')
    add('--device', help='defaults to an accelerator if there is one')
    add(
        '--backend',
        choices=('torch', 'onnxruntime', 'openvino', 'auto'),
        default='torch',
        help='what runs the backbone on a CPU; the model is exported once '
        'and compared with PyTorch. auto: the fastest that is installed. '
        'Defaults to torch',
    )
    add(
        '--int8',
        action='store_true',
        help='products in 8 bits, with onnxruntime; boxes may change',
    )
    add(
        '--num-workers',
        type=int,
        help='threads that read pictures ahead; defaults to one a core, at '
        'most four',
    )
    add('--trust', action='store_true', help=TRUST_HELP)


def run(args: argparse.Namespace) -> int:
    """Localise.

    Args:
        args (argparse.Namespace): See :func:`add_arguments`.

    Returns:
        int: The exit status, 1 if a picture could not be read.

    Raises:
        FileExistsError: If the folder holds results of another run.
        FileNotFoundError: If an input does not exist.
        ValueError: If an option makes no sense.
    """
    # Before anything slow begins.
    check_files(args)
    if args.model.endswith('.py'):
        check_file('config', args.model)
    with without_collecting(), without_sharding():
        import projects.scm.register  # noqa: F401
    from projects.scm.apis.outputs.result_folder import clear_results
    from projects.scm.apis.sources import RESULT_MARKER, expand_inputs

    out = Path(args.out)
    items = expand_inputs(args.inputs, ignore=[out])
    if (out / RESULT_MARKER).exists() and not args.overwrite:
        clear_results(out, ())
    if line := items.describe_left_out():
        sys.stderr.write(f'{line}\n')
    return _localize(args, items, out)


def _localize(args: argparse.Namespace, items: FoundInputs, out: Path) -> int:
    from projects.scm.apis.outputs import FORMATS as WRITERS
    from projects.scm.apis.outputs import MaskWriter, ResultFolder, VideoWriter
    from projects.scm.apis.sources import RESULT_MARKER, is_video
    from projects.scm.datasets.annotations import read_class_names
    from projects.scm.datasets.annotations.problems import SHOWN
    from projects.scm.utils.workers import default_workers

    writers = [WRITERS[name] for name in dict.fromkeys(args.format)]
    if args.masks:
        writers.append(MaskWriter)
    needs_maps = any(writer.needs_maps for writer in writers)
    names = None
    if args.classes is not None:
        names = read_class_names(args.classes)
    with trusted(args.trust):
        inferencer, options = _make_inferencer(args, names, needs_maps)
    classes = inferencer.classes or [
        str(index) for index in range(inferencer.model.head.num_classes)
    ]
    pictures = not args.no_pictures
    if pictures and any(map(is_video, items)):
        writers.append(VideoWriter)
    stream = inferencer.stream(
        items,
        show_dir=out / 'pictures' if pictures else None,
        pixels=True,
        on_error=lambda source, error: folder.fail(_named(source), error),
        num_workers=args.num_workers or default_workers(),
        **options,
    )
    with ResultFolder(
        out,
        writers,
        classes,
        dict(
            model=args.model,
            checkpoint=args.checkpoint,
            backend=inferencer.backend,
            int8=args.int8 and inferencer.backend != 'torch',
            **options,
        ),
        entries=['pictures'] if pictures else [],
        overwrite=args.overwrite,
    ) as folder:
        for result in stream:
            folder.add(result)
    sys.stdout.write(
        f'{counted(folder.num_results, "picture")}, '
        f'{counted(folder.num_boxes, "box", "boxes")}: '
        f'{", ".join(map(str, folder.written))}\n'
    )
    if folder.failures:
        sys.stderr.write(
            f'{counted(len(folder.failures), "picture")} could not be read:\n'
            + ''.join(
                f'  {entry["error"]}\n' for entry in folder.failures[:SHOWN]
            )
        )
        more = len(folder.failures) - SHOWN
        if more > 0:
            listed = out / RESULT_MARKER
            sys.stderr.write(f'  and {more} more, all of them in {listed}\n')
    return int(bool(folder.failures))


def _make_inferencer(
    args: argparse.Namespace, names: Sequence[str] | None, needs_maps: bool
) -> tuple[WSOLInferencer | DetectorInferencer, dict[str, Any]]:
    """The inferencer of a config, and the options of its ``stream``."""
    from projects.scm.apis import WSOLInferencer
    from projects.scm.apis.choices import parse_target, resolve_threshold
    from projects.scm.utils.config_options import read_config

    # A name that mmpretrain knows is none of a file.
    config = args.model
    if Path(config).is_file():
        config = read_config(config)
    options = dict(
        threshold=args.threshold,
        contours=args.contours,
        upright=not args.as_stored,
        frame_interval=args.frame_interval,
    )
    scope = None if config is args.model else config.get('default_scope')
    if scope == 'mmdet':
        _check_detector_options(args, needs_maps)
        from projects.scm.mmdet.detector_inferencer import DetectorInferencer

        inferencer = DetectorInferencer(
            config, args.checkpoint, args.device, names
        )
        return inferencer, options
    resolve_threshold(args.threshold, args.threshold_figure)
    inferencer = WSOLInferencer(
        config,
        args.checkpoint,
        args.device,
        classes=names,
        backend=args.backend,
        int8=args.int8,
    )
    return inferencer, dict(
        **options,
        target=parse_target(args.target, inferencer.classes or ()),
        topk=args.topk,
        threshold_figure=args.threshold_figure,
        batch_size=args.batch_size,
        score_maps=needs_maps,
        outlines=args.masks,
    )


def _check_detector_options(
    args: argparse.Namespace, needs_maps: bool
) -> None:
    """Refuse what only a model with score maps can do."""
    refused = {
        '--target': args.target != 'predicted',
        '--masks': args.masks,
        '--backend': args.backend != 'torch',
        '--int8': args.int8,
        '--format fiftyone': needs_maps,
        f'--threshold {args.threshold}': isinstance(args.threshold, str),
    }
    if any(refused.values()):
        asked = ', '.join(name for name, given in refused.items() if given)
        raise ValueError(
            f'{asked}: not for {args.model}, a detector, which has no score '
            'maps; its --threshold is the lowest score of a box'
        )


def _named(source: Source) -> str:
    return source.path or source.name
