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

from _repo_path import make_importable, run

make_importable()

import commands  # noqa: E402
from localize import save_random_weights  # noqa: E402
from measuring import REPO, describe_machine  # noqa: E402

from projects.scm.utils import write_json  # noqa: E402

CLASSIFIER, SCM = 'classifier', 'SCM'
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


def write_configs(args: argparse.Namespace, folder: Path) -> dict[str, Path]:
    """The two configs, and their weights beside them."""
    from mmengine.config import Config

    cfg = Config.fromfile(args.config)
    lines = (args.data / args.ann_file).read_text().splitlines()
    step = max(1, len(lines) // args.images)
    child = CHILD.format(
        base=str(args.config.resolve()),
        batch_size=args.batch_size,
        data=str(args.data.resolve()),
        ann_file=args.ann_file,
        indices=list(range(len(lines)))[::step][: args.images],
    )
    plain = PLAIN.format(
        width=cfg.model.head.in_channels, classes=cfg.model.head.num_classes
    )
    files = {}
    for name, text in {CLASSIFIER: child + plain, SCM: child}.items():
        files[name] = folder / f'{name.lower()}.py'
        files[name].write_text(text)
        save_random_weights(str(files[name]), files[name].with_suffix('.pth'))
    return files


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config', type=Path, help='of SCM')
    parser.add_argument('--data', type=Path, required=True, help='data_root')
    parser.add_argument('--ann-file', required=True, help='of the test set')
    parser.add_argument('--images', type=int, default=500)
    parser.add_argument('--batch-size', type=int, default=32)
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--out', type=Path, help='JSON file to write')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = write_configs(args, Path(folder))
        runs = {
            name: commands.Command(
                [
                    *('tools/test.py', file, file.with_suffix('.pth')),
                    *('--work-dir', Path(folder) / f'work_{file.stem}'),
                ],
                REPO,
            )
            for name, file in files.items()
        }
        results = commands.run_in_turns(runs, args.repeats, CLASSIFIER)
    record = dict(
        benchmark='testing',
        options=dict(images=args.images, repeats=args.repeats),
        model=args.config.name,
        machine=describe_machine('cpu'),
        cases=[dict(images=args.images, results=results)],
    )
    for name, result in results.items():
        print(name, result)
    if args.out:
        write_json(args.out, record)


if __name__ == '__main__':
    run(main)
