# Copyright (c) SCM-WSOL contributors. All rights reserved.
r"""Time ``tools/test.py`` of SCM, all protocols, against a plain classifier's.

Example::

    python tools/benchmarks/testing.py configs/scm_deit-s_in1k.py \
        --data data/imagewoof --ann-file meta/val_folder_new.txt \
        --images 500 --out testing.json

Both read the same photographs, evenly spread over the list, through the same
pipeline; weights are random. The classifier is MMPretrain's, measured by its
accuracy. Whole processes take turns: start-up, model, evaluation and table.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import arguments
from _repo_path import make_importable, run


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = arguments.parser_of_commands(__doc__, images=500)
    parser.add_argument('config', type=Path, help='of SCM')
    parser.add_argument('--data', type=Path, required=True, help='data_root')
    parser.add_argument('--ann-file', required=True, help='of the test set')
    parser.add_argument('--batch-size', type=int, default=32)
    return parser.parse_args()


if __name__ == '__main__':  # --help and wrong arguments are told at once
    parse_args()

make_importable()

import commands  # noqa: E402
import reporting  # noqa: E402
from measuring import describe_machine  # noqa: E402
from mmengine.config import Config  # noqa: E402
from models import SCM, STOCK, save_random_weights  # noqa: E402

CHILD = """
_base_ = {base!r}
test_dataloader = dict(
    batch_size={batch_size},
    num_workers=0,
    persistent_workers=False,
    dataset=dict(data_root={data!r}, ann_file={ann_file!r},
                 indices={indices!r}))
"""
PLAIN = """
model = dict(
    backbone=dict(type='VisionTransformer', init_cfg=None),
    head=dict(_delete_=True, type='VisionTransformerClsHead',
              in_channels={width}, num_classes={classes}))
test_evaluator = dict(_delete_=True, type='Accuracy', topk=(1, 5))
"""


def write_configs(
    args: argparse.Namespace, count: int, folder: Path
) -> dict[str, Path]:
    """The two configs, and their weights beside them."""
    cfg = Config.fromfile(args.config)
    number = len((args.data / args.ann_file).read_text().splitlines())
    child = CHILD.format(
        base=str(args.config.resolve()),
        batch_size=args.batch_size,
        data=str(args.data.resolve()),
        ann_file=args.ann_file,
        indices=list(range(0, number, max(1, number // count)))[:count],
    )
    plain = PLAIN.format(
        width=cfg.model.head.in_channels, classes=cfg.model.head.num_classes
    )
    files = {}
    for name, text in {STOCK: child + plain, SCM: child}.items():
        files[name] = folder / f'{name.lower()}_{count}.py'
        files[name].write_text(text)
        save_random_weights(files[name], files[name].with_suffix('.pth'))
    return files


def measure(args: argparse.Namespace, folder: Path) -> list[dict]:
    """Test both on as many images as asked for."""
    cases = []
    for count in args.images:
        runs = {
            name: commands.Command(
                [
                    *('tools/test.py', file, file.with_suffix('.pth')),
                    *('--work-dir', folder / f'work_{file.stem}'),
                ]
            )
            for name, file in write_configs(args, count, folder).items()
        }
        results = commands.run_in_turns(runs, args.repeats, STOCK, args.warmup)
        cases.append(dict(case=dict(images=count), results=results))
    return cases


def main() -> None:
    """Run the benchmark."""
    args = parse_args()
    record = dict(
        benchmark='testing',
        options=dict(repeats=args.repeats, batch_size=args.batch_size),
        model=args.config.name,
        machine=describe_machine('cpu'),
    )
    with tempfile.TemporaryDirectory() as folder:
        record['cases'] = measure(args, Path(folder))
    reporting.finish(record, args, STOCK, 'ms a test run')


if __name__ == '__main__':
    run(main)
