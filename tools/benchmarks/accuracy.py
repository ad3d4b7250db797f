# Copyright (c) SCM-WSOL contributors. All rights reserved.
r"""What faster options change: GT-known, Top-1 Loc and the boxes themselves.

Example::

    python tools/benchmarks/accuracy.py configs/scm_deit-t_imagewoof.py \
        epoch_4.pth --images 500 --enlarged 4

Evaluates a checkpoint on photographs of its test set, drawn at random, as it
is, with ONNX Runtime, with its 8-bit products, and with DCT-scaled decoding.
Photographs are enlarged, with their boxes, and encoded again where
``--enlarged`` says so: below twice the size of the input DCT-scaled decoding
does nothing. All options see the same files, one photograph after the other;
the figures so far are written now and then.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import arguments
from _repo_path import make_importable, run


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = arguments.parser_of(__doc__)
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument('--images', type=int, default=500)
    parser.add_argument('--enlarged', type=float, default=1, metavar='FACTOR')
    parser.add_argument('--data-root', help="instead of the config's")
    parser.add_argument('--out', type=Path, help='JSON file to write')
    return parser.parse_args()


if __name__ == '__main__':  # --help and wrong arguments are told at once
    parse_args()

make_importable()

import numpy as np  # noqa: E402
from decoders import enlarge  # noqa: E402
from localizing import Agreement  # noqa: E402
from measuring import describe_machine  # noqa: E402

from projects.scm.utils import prepare_environment, write_json  # noqa: E402

prepare_environment()  # before mmpretrain is imported

import torch  # noqa: E402
from mmengine.config import Config  # noqa: E402
from mmengine.dataset import pseudo_collate  # noqa: E402
from mmengine.registry import init_default_scope  # noqa: E402
from mmpretrain.apis import get_model  # noqa: E402
from mmpretrain.registry import DATASETS  # noqa: E402

import projects.scm.register  # noqa: E402, F401
from projects.scm.apis.backends import choose_backend  # noqa: E402
from projects.scm.evaluation.metrics import WSOLEvaluator  # noqa: E402

FIGURES = ('gt_known_acc', 'top1_loc')
EXACT, DRAFT = 'exact', 'DCT-scaled decoding'
BACKENDS = {'onnxruntime': False, 'onnxruntime int8': True}


def write_enlarged(info: dict[str, Any], factor: float, folder: Path) -> dict:
    """A photograph and its boxes, so many times as large, encoded again."""
    source = Path(info['img_path'])
    file = folder / f'{source.stem}.jpg'
    file.write_bytes(enlarge(source.read_bytes(), factor, 92))
    boxes = [
        {**instance, 'bbox': [factor * side for side in instance['bbox']]}
        for instance in info['instances']
    ]
    return {**info, 'img_path': str(file), 'instances': boxes}


@torch.no_grad()
def predict(model: Any, extract: Any, batch: dict) -> dict:
    """The sample of a batch of one image, as a test run makes it."""
    batch = model.data_preprocessor(batch, training=False)
    feats = extract(batch['inputs'])
    return model.head.predict(feats, batch['data_samples'])[0].to_dict()


def evaluate(samples: list[dict]) -> dict[str, float]:
    """GT-known and Top-1 Loc under the default protocols, in percent."""
    return {
        f'{summary.protocol.name}/{key}': round(float(value), 3)
        for summary in WSOLEvaluator.calculate(samples)
        for key, value in summary.metrics().items()
        if key in FIGURES
    }


def compare(samples: dict[str, list[dict]]) -> dict[str, dict[str, float]]:
    """Figures of every option, and whether boxes are those of the first."""
    results = {}
    for name, own in samples.items():
        agreement = Agreement()
        for a, b in zip(samples[EXACT], own, strict=True):
            agreement.add(*(s['pred_instances']['bboxes'] for s in (a, b)))
        results[name] = {**evaluate(own), **agreement.figures()}
    return results


def measure(args: argparse.Namespace, folder: Path) -> Iterator[dict]:
    """Evaluate all options; gives the figures after every 50 images."""
    init_default_scope('mmpretrain')
    cfg = Config.fromfile(args.config)
    spec = cfg.test_dataloader.dataset
    if args.data_root:
        spec.data_root = args.data_root
    dataset = DATASETS.build(spec)
    model = get_model(cfg, pretrained=args.checkpoint, device='cpu').eval()
    load, *others = spec.pipeline
    drafted = [dict(load, dct_scaled=(224, 224)), *others]
    # The dataset, not Compose, sees to what follows this kind of loading.
    pipelines = {
        EXACT: dataset.pipeline,
        DRAFT: DATASETS.build(dict(spec, pipeline=drafted)).pipeline,
    }
    count = min(args.images, len(dataset))
    chosen = np.random.default_rng(0).permutation(len(dataset))[:count]
    samples: dict[str, list[dict]] = {
        name: [] for name in (*pipelines, *BACKENDS)
    }
    extractors: dict[str, Any] = {}
    for number, index in enumerate(chosen):
        info = dataset.get_data_info(int(index))
        if args.enlarged != 1:
            info = write_enlarged(info, args.enlarged, folder)
        batches = {
            name: pseudo_collate([pipeline(dict(info))])
            for name, pipeline in pipelines.items()
        }
        if not extractors:
            example = model.data_preprocessor(batches[EXACT], training=False)
            for name, int8 in BACKENDS.items():
                used, extractors[name] = choose_backend(
                    model, 'onnxruntime', int8, example['inputs']
                )
                if used != 'onnxruntime':
                    raise SystemExit(f'{name} cannot be used')
        for name, own in samples.items():
            batch = batches.get(name, batches[EXACT])
            extract = extractors.get(name, model.extract_feat)
            own.append(predict(model, extract, batch))
        if args.enlarged != 1:
            Path(info['img_path']).unlink()
        if number % 50 == 49 or number + 1 == count:
            yield dict(images=number + 1, results=compare(samples))


def main() -> None:
    """Run the comparison."""
    args = parse_args()
    record = dict(
        benchmark='accuracy',
        options=dict(enlarged=args.enlarged),
        model=Path(args.config).name,
        machine=describe_machine('cpu'),
    )
    with tempfile.TemporaryDirectory() as folder:
        for found in measure(args, Path(folder)):
            record.update(found)
            print(f'{found["images"]} images', file=sys.stderr)
            if args.out:
                write_json(args.out, record)
    for name, figures in record['results'].items():
        print(name, figures)


if __name__ == '__main__':
    run(main)
