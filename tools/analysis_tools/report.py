# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Turn test runs into one HTML page that needs no server and no network.

Example::

    python tools/test.py configs/scm_deit-s_cub.py scm.pth --out scm.pkl
    python tools/test.py configs/tscam_deit-s_cub.py tscam.pth --out tscam.pkl
    python tools/analysis_tools/report.py scm.pkl tscam.pkl \
        --names SCM TS-CAM --out report.html
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _repo_path import make_importable, run


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='One self-contained HTML page of test runs: measures, '
        'curves, errors, and all pictures with boxes and heat maps.'
    )
    parser.add_argument(
        'results',
        nargs='+',
        help='files of "tools/test.py --out", of the same images; no code '
        'in them is run',
    )
    parser.add_argument(
        '--out', default='report.html', help='defaults to report.html'
    )
    parser.add_argument('--names', nargs='+', help='of the runs')
    parser.add_argument('--title', help='of the page')
    parser.add_argument(
        '--protocol',
        default='scm',
        help='whose boxes and errors are shown, scm or tscam; the figures of '
        'all are listed. Defaults to scm',
    )
    parser.add_argument(
        '--threshold',
        help='"oracle", "otsu", a number in [0, 1] or a JSON file of '
        'thresholds chosen on another split; by default what the authors of '
        'each protocol do',
    )
    parser.add_argument(
        '--classes',
        help='text file with a class name a line, or with the name of a '
        'folder and a better one (n02086240 Shih-Tzu); by default the names '
        'of the folders of the images',
    )
    parser.add_argument(
        '--data-root',
        help='folder where the images are now; paths in the results are '
        'looked for below it, without what they begin with. By default they '
        'are taken as they are, from the working folder',
    )
    parser.add_argument(
        '--max-mb',
        type=float,
        default=60,
        help='largest page in MB, decides the size of the pictures; defaults '
        'to 60',
    )
    return parser.parse_args()


def main() -> None:
    """Build the page and say where it is."""
    args = parse_args()
    make_importable()
    import projects.scm.register  # noqa: F401
    from projects.scm.reporting import build_report

    size = build_report(**vars(args))
    print(f'wrote {args.out}, {size / 1e6:.1f} MB')


if __name__ == '__main__':
    run(main)
