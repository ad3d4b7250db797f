# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Convert a checkpoint of this project for the official TS-CAM or SCM code.

Optimizer and counters of the training are left out; every weight and its new
name is printed.

Example::

    python tools/model_converters/mmpretrain_to_official.py \
        work_dirs/scm_deit-s_cub/epoch_30.pth official_scm_cub.pth
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _command_line import parse_args
from _repo_path import make_importable, run


def main() -> None:
    """Convert."""
    args = parse_args(
        'Convert a checkpoint of this project to the names of the official '
        'TS-CAM (github.com/vasgaowei/TS-CAM) or SCM '
        '(github.com/hbai98/SCM) code.'
    )
    make_importable()
    import projects.scm.register  # noqa: F401
    from projects.scm.apis.checkpoints import write_checkpoint
    from projects.scm.apis.official_layout import (
        describe_conversion,
        to_official,
    )
    from projects.scm.utils.checkpoint_door import read_checkpoint
    from projects.scm.utils.weights import find_weights

    content = read_checkpoint(args.source, args.trust)
    weights = find_weights(content, args.source)
    official = to_official(weights, args.source)
    write_checkpoint(args.target, {'state_dict': official})
    print(describe_conversion(weights, official))
    print(f'wrote {args.target}: {len(official)} tensors')


if __name__ == '__main__':
    run(main)
