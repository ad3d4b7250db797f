# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Turn a test run into a dataset of FiftyOne: truth, boxes, maps, outcome.

Example::

    python tools/test.py configs/scm_deit-s_cub.py scm.pth --out scm.pkl
    python tools/analysis_tools/fiftyone_dataset.py scm.pkl --out looked_at

writes ``looked_at/fiftyone``, which FiftyOne reads as it is::

    import fiftyone as fo

    dataset = fo.Dataset.from_dir(
        'looked_at/fiftyone', dataset_type=fo.types.FiftyOneDataset
    )
    fo.launch_app(dataset.match(fo.ViewField('outcome') == 'part'))
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _repo_path import make_importable, run


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='True and predicted classes and boxes, maps and outcomes '
        'of a test run, as FiftyOne reads them.'
    )
    add = parser.add_argument
    add('results', help='file of "tools/test.py --out"')
    add('--out', default='looked_at', help='folder; defaults to looked_at')
    add(
        '--protocol',
        default='scm',
        help='whose boxes and outcomes, scm or tscam; defaults to scm',
    )
    add('--threshold', help='as of report.py')
    add('--classes', help='text file with a class name a line')
    add('--data-root', help='folder where the images are now')
    add('--overwrite', action='store_true', help='replace an earlier dataset')
    return parser.parse_args()


def main() -> None:
    """Write the dataset and say where it is."""
    args = parse_args()
    make_importable()
    from projects.scm.reporting.fiftyone_dataset import write_fiftyone_dataset

    number = write_fiftyone_dataset(**vars(args))
    print(f'wrote {args.out}/fiftyone, pictures: {number}')


if __name__ == '__main__':
    run(main)
