# Copyright (c) SCM-WSOL contributors. All rights reserved.
r"""What the options that are not exact cost: GT-known and Top-1 Loc.

Example::

    python tools/benchmarks/accuracy.py configs/tscam_deit-t_imagewoof.py \
        epoch_1.pth --images 500 --enlarged 4

Evaluates a checkpoint on photographs of its test set, evenly spread, as it is,
with DCT-scaled decoding, and with 8-bit products of ONNX Runtime. Photographs
are enlarged, with their boxes, and encoded again where ``--enlarged`` says so:
below twice the size of the input DCT-scaled decoding does nothing.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _repo_path import make_importable, run

make_importable()

import numpy as np  # noqa: E402
from measuring import describe_machine  # noqa: E402
from PIL import Image  # noqa: E402

from projects.scm.utils import prepare_environment, write_json  # noqa: E402

prepare_environment()  # before mmpretrain is imported

import torch  # noqa: E402
from mmengine.config import Config  # noqa: E402
from mmengine.dataset import Compose, pseudo_collate  # noqa: E402
from mmengine.registry import init_default_scope  # noqa: E402
from mmpretrain.apis import get_model  # noqa: E402
from mmpretrain.registry import DATASETS  # noqa: E402

import projects.scm.register  # noqa: E402, F401
from projects.scm.apis.backends import choose_backend  # noqa: E402
from projects.scm.evaluation.metrics import WSOLEvaluator  # noqa: E402

FIGURES = ('scm/gt_known_acc', 'scm/top1_loc')


def enlarged(info: dict[str, Any], factor: int, folder: Path) -> dict:
    """A photograph and its boxes, so many times as large, encoded again."""
    with Image.open(info['img_path']) as image:
        size = [factor * side for side in image.size]
        large = image.convert('RGB').resize(size, Image.LANCZOS)
    file = folder / f'{Path(info["img_path"]).stem}.jpg'
    large.save(file, quality=90)
    boxes = [
        {**instance, 'bbox': [factor * side for side in instance['bbox']]}
        for instance in info['instances']
    ]
    return {**info, 'img_path': str(file), 'instances': boxes}


def batches(
    infos: list[dict], transform: Compose, size: int
) -> Iterator[dict]:
    """The images of a list through a pipeline."""
    for begin in range(0, len(infos), size):
        yield pseudo_collate(
            [transform(dict(info)) for info in infos[begin : begin + size]]
        )


@torch.no_grad()
def predict(model: Any, extract: Any, data: Iterator[dict]) -> Iterator[dict]:
    """Samples with score maps, as a test run makes them."""
    for batch in data:
        batch = model.data_preprocessor(batch, training=False)
        samples = model.head.predict(
            extract(batch['inputs']), batch['data_samples']
        )
        for sample in samples:
            yield sample.to_dict()


def evaluate(samples: Iterator[dict]) -> dict[str, float]:
    """The figures under SCM's protocol, in percent."""
    found = {}
    for summary in WSOLEvaluator.calculate(samples, 'scm'):
        for key, value in summary.metrics().items():
            found[f'{summary.protocol.name}/{key}'] = float(value)
    return found


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument('--images', type=int, default=500)
    parser.add_argument('--enlarged', type=int, default=1, metavar='FACTOR')
    parser.add_argument('--data-root', help="instead of the config's")
    parser.add_argument('--ann-file', help="instead of the config's")
    parser.add_argument('--out', type=Path, help='JSON file to write')
    args = parser.parse_args()
    init_default_scope('mmpretrain')
    cfg = Config.fromfile(args.config)
    spec = cfg.test_dataloader.dataset
    if args.data_root:
        spec.data_root = args.data_root
    if args.ann_file:
        spec.ann_file = args.ann_file
    dataset = DATASETS.build(spec)
    chosen = np.linspace(
        0, len(dataset) - 1, min(args.images, len(dataset))
    ).astype(int)
    infos = [dataset.get_data_info(int(i)) for i in chosen]
    cfg.model.backbone.pop('init_cfg', None)
    model = get_model(cfg, pretrained=args.checkpoint, device='cpu').eval()
    load, *others = spec.pipeline
    draft = [dict(load, dct_scaled=(224, 224)), *others]
    # The dataset, not Compose, sees to what follows this kind of loading.
    draft = DATASETS.build(dict(spec, pipeline=draft)).pipeline
    if args.enlarged > 1:
        folder = tempfile.TemporaryDirectory()
        infos = [enlarged(i, args.enlarged, Path(folder.name)) for i in infos]
    example = next(batches(infos[:1], dataset.pipeline, 1))
    example = model.data_preprocessor(example, training=False)['inputs']
    used, int8 = choose_backend(model, 'onnxruntime', True, example)
    variants = {
        'exact': (dataset.pipeline, model.extract_feat),
        'DCT-scaled decoding': (draft, model.extract_feat),
    }
    if used == 'onnxruntime':
        variants['int8'] = (dataset.pipeline, int8)
    record = dict(
        benchmark='accuracy',
        options=dict(images=len(infos), enlarged=args.enlarged),
        model=Path(args.config).name,
        machine=describe_machine('cpu'),
        results={},
    )
    for name, (pipeline, extract) in variants.items():
        found = evaluate(predict(model, extract, batches(infos, pipeline, 8)))
        record['results'][name] = {
            key: round(value, 3)
            for key, value in found.items()
            if key.startswith(FIGURES)
        }
        print(name, record['results'][name], flush=True)
    if args.out:
        write_json(args.out, record)


if __name__ == '__main__':
    run(main)
