# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Convert a checkpoint of the official TS-CAM or SCM code.

It may be on ViT, DeiT or Conformer. Every weight and its new name is printed.

Example::

    python tools/model_converters/official_to_mmpretrain.py \
        official/scm_cub.pth checkpoints/scm_deit-s_cub.pth
    python tools/test.py configs/scm_deit-s_cub.py \
        checkpoints/scm_deit-s_cub.pth
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _command_line import parse_args
from _repo_path import make_importable, run


def main() -> None:
    """Convert."""
    args = parse_args(
        'Convert a checkpoint of the official TS-CAM '
        '(github.com/vasgaowei/TS-CAM) or SCM (github.com/hbai98/SCM) code.'
    )
    make_importable()
    import projects.scm.register  # noqa: F401
    from projects.scm.apis.checkpoints import write_checkpoint
    from projects.scm.apis.converting import convert_official
    from projects.scm.apis.official_layout import describe_conversion
    from projects.scm.utils.checkpoint_door import read_checkpoint
    from projects.scm.utils.weights import find_weights

    content = read_checkpoint(args.source, args.trust)
    found = find_weights(content, args.source)
    weights = convert_official(found, args.source)
    write_checkpoint(args.target, {'meta': {}, 'state_dict': weights})
    print(describe_conversion(found, weights))
    classes, channels = weights['head.semantic.weight'].shape[:2]
    method = 'SCM' if any('calibration' in k for k in weights) else 'TS-CAM'
    print(
        f'wrote {args.target}: {len(weights)} tensors of {method}, '
        f'{channels} channels, {classes} classes'
    )


if __name__ == '__main__':
    run(main)
