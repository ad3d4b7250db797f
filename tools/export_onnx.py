# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Export a model for other runtimes, and compare it with PyTorch.

Example::

    python tools/export_onnx.py configs/scm_deit-s_cub.py scm_deit-s_cub.pth \
        --out scm_deit-s_cub.onnx --photos photos/

Input ``pixels``: RGB, 0 to 255, float32 (B, 3, H, W), resized to the size
that the metadata name, or any other multiple of the patch size. Outputs:
``logits`` (B, C), ``labels`` int64 (B, k), the best classes, and
``score_maps`` (B, k, h, w), their raw maps. The file is written only if it
agrees with PyTorch.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from _options import add_trust_option
from _repo_path import make_importable, run


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Export the part of a model that localises, without '
        'calibration, as ONNX or for torch.export.load.'
    )
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument('--out', required=True, help='the file to write')
    parser.add_argument(
        '--format',
        choices=('onnx', 'torch-export'),
        default='onnx',
        help='defaults to onnx',
    )
    parser.add_argument(
        '--topk',
        type=int,
        default=5,
        help='best classes whose maps are given; defaults to 5',
    )
    parser.add_argument(
        '--fixed-size',
        action='store_true',
        help="take inputs of the test pipeline's size only; the batch stays "
        'free',
    )
    parser.add_argument(
        '--photos',
        nargs='+',
        help='pictures, folders or patterns to compare with PyTorch on; at '
        'most 16 are taken. Defaults to one random picture',
    )
    parser.add_argument(
        '--tolerance',
        type=float,
        default=1e-4,
        help='largest deviation, as a share of the largest value; defaults '
        'to 1e-4',
    )
    add_trust_option(parser)
    return parser.parse_args()


def main() -> None:
    """Export."""
    args = parse_args()
    make_importable()
    import projects.scm.register  # noqa: F401, I001
    from itertools import islice

    import numpy as np
    from projects.scm.apis import WSOLInferencer
    from projects.scm.apis import export_graph
    from projects.scm.apis.sources import expand_inputs
    from projects.scm.utils.trust import trusted
    from projects.scm.version import __version__

    onnx = args.format == 'onnx'
    if onnx:
        export_graph.require_onnx()
    with trusted(args.trust):
        inferencer = WSOLInferencer(args.config, args.checkpoint, 'cpu')
    model = inferencer.model
    random = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    items = expand_inputs(args.photos or random)
    inputs = [
        image
        for _, _, data in islice(inferencer.preprocess(items), 16)
        for image in data['inputs'].flip(1).float().numpy()
    ]
    height, width = inputs[0].shape[1:]
    graph = export_graph.LocalizationGraph(
        model, args.topk, not args.fixed_size
    )
    metadata = dict(
        scm_wsol=__version__,
        input_size_wh=[width, height],
        patch_size_hw=list(graph.patch_size),
        box_cfg=model.head.box_cfg,
        classes=inferencer.classes,
    )
    program = export_graph.make_program(graph, (width, height))

    batches = [image[None] for image in inputs]
    same = [image for image in inputs if image.shape == inputs[0].shape]
    batches.append(np.stack(same))
    if not args.fixed_size:
        rows, columns = graph.patch_size
        batches.append(inputs[0][None, :, : 2 * rows, : 3 * columns])
    save = export_graph.save_onnx if onnx else export_graph.save_torch_export
    load = export_graph.open_onnx if onnx else export_graph.open_torch_export
    out = Path(args.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        written = Path(folder) / f'graph{".onnx" if onnx else ".pt2"}'
        save(program, written, metadata)
        deviations = export_graph.compare(
            model, load(written), batches, graph.topk
        )
        where = f'{len(inputs)} photographs' if args.photos else 'a random one'
        report = ', '.join(f'{k} {v:.1e}' for k, v in deviations.items())
        print(f'deviation from PyTorch on {where}: {report}')
        if max(deviations.values()) > args.tolerance:
            sys.exit(
                f'{args.out}: not written, deviates by more than '
                f'{args.tolerance:g}'
            )
        os.replace(written, out)
    print(f'wrote {args.out}, {out.stat().st_size / 1e6:.1f} MB')


if __name__ == '__main__':
    run(main)
