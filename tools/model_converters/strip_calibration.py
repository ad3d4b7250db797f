# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Remove from an SCM checkpoint what only training needs.

The calibration acts while training and not in prediction, which stays the
same to the last bit. The optimizer's state goes with it, so such a file
cannot be resumed from. It loads into ``SCMHead``, with or without
``calibration=False``, and, predicting on attention without min-max scaling,
into ``TSCAMHead``.

Example::

    python tools/model_converters/strip_calibration.py \
        work_dirs/scm_deit-s_cub/epoch_30.pth scm_deit-s_cub.pth
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _command_line import parse_args
from _repo_path import make_importable, run


def main() -> None:
    """Strip."""
    args = parse_args(
        'Remove the calibration and the state of training from a checkpoint '
        'of this project; predictions stay the same.'
    )
    make_importable()
    import projects.scm.register  # noqa: F401
    from projects.scm.apis.checkpoints import write_checkpoint
    from projects.scm.apis.converting import strip_calibration
    from projects.scm.utils.checkpoint_door import read_checkpoint
    from projects.scm.utils.weights import find_weights

    content = read_checkpoint(args.source, args.trust)
    weights, removed = strip_calibration(
        find_weights(content, args.source), args.source
    )
    meta = content.get('meta', {})
    write_checkpoint(args.target, {'meta': meta, 'state_dict': weights})
    print(
        f'wrote {args.target}: {len(weights)} tensors, without '
        f'{", ".join(removed)}'
    )


if __name__ == '__main__':
    run(main)
