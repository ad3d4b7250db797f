# Copyright (c) SCM-WSOL contributors. All rights reserved.
r"""Measure how fast images and annotation lists are loaded.

Example::

    python tools/benchmarks/dataloader.py --workers 0 2 4 --out loader.json

Four tables, also written as JSON:

- *images*: images per second of the training and test pipelines of a config,
  by number of workers. The photographs are generated: JPEGs of the size and
  the weight of ImageNet's, read from the page cache.
- *cache*: CPU time an image takes from a pixel cache beside the ordinary
  pipeline, in rounds that take turns; the ratio is the median of the ratios
  within the rounds. Samples are compared too.
- *stages*: milliseconds of CPU time an image takes in each transform.
- *lists*: seconds and memory to load annotation lists of ImageNet's length
  into a dataset, and how much of that memory each worker holds for itself
  after it has read all of it.
"""

import argparse
import json
import multiprocessing
import os
import random
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import arguments
from _repo_path import make_importable

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
IMAGENET_TRAIN = 1_281_167


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = arguments.parser_of(__doc__)
    parser.add_argument(
        '--config',
        default=str(CONFIGS / '_base_' / 'datasets' / 'cub_224.py'),
        help='config of a set in CUB layout; defaults to that of CUB at 224',
    )
    parser.add_argument(
        '--images', type=int, default=256, help='an epoch; defaults to 256'
    )
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        default=[500, 375],
        metavar=('WIDTH', 'HEIGHT'),
        help='of the photographs; defaults to 500 375',
    )
    parser.add_argument('--batch-size', type=int, default=64)
    parser.add_argument(
        '--workers',
        type=int,
        nargs='+',
        default=sorted({0, 1, 2, os.cpu_count() or 1}),
        help='numbers of workers; default to 0, 1, 2 and the cores',
    )
    parser.add_argument(
        '--repeats', type=int, default=3, help='epochs; defaults to 3'
    )
    parser.add_argument(
        '--list-rows',
        type=int,
        default=IMAGENET_TRAIN,
        help=f'rows of a list, 0 for none; defaults to {IMAGENET_TRAIN}',
    )
    arguments.add_output(parser)
    return parser.parse_args()


if __name__ == '__main__':  # --help and wrong arguments are told at once
    parse_args()

import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

MEGA = 1e6


def make_photograph(width: int, height: int, seed: int) -> Image.Image:
    """Draw noise whose power falls with frequency, as in photographs."""
    rng = np.random.default_rng(seed)
    pixels = np.full((height, width, 3), 128.0)
    for octave in range(9):
        size = (max(width >> octave, 1), max(height >> octave, 1))
        noise = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        layer = Image.fromarray(noise).resize((width, height), Image.BICUBIC)
        pixels += (np.asarray(layer) - 127.5) * 0.2 * 1.2**octave
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def make_set(root: Path, count: int, width: int, height: int) -> int:
    """Write photographs in CUB's layout, all in both splits' form.

    Returns:
        Bytes of an image, on average.
    """
    folder = root / 'images' / '001.noise'
    folder.mkdir(parents=True)
    half = count // 2
    lines = {name: [] for name in ('images', 'label', 'split', 'box')}
    for index in range(1, count + 1):
        name = f'{index}.jpg'
        if index <= half:
            image = make_photograph(width, height, index)
            image.save(folder / name, quality=92)
        else:  # The test split: the same photographs under other names.
            (folder / name).hardlink_to(folder / f'{index - half}.jpg')
        lines['images'].append(f'{index} 001.noise/{name}')
        lines['label'].append(f'{index} 1')
        lines['split'].append(f'{index} {int(index <= half)}')
        lines['box'].append(f'{index} 10 20 {width // 2} {height // 2}')
    files = {
        'images': 'images.txt',
        'label': 'image_class_labels.txt',
        'split': 'train_test_split.txt',
        'box': 'bounding_boxes.txt',
    }
    for name, file in files.items():
        (root / file).write_text('\n'.join(lines[name]))
    (root / 'classes.txt').write_text('1 001.noise')
    sizes = [file.stat().st_size for file in folder.iterdir()]
    return round(sum(sizes) / len(sizes))


def measure_images(
    dataset: object, batch_size: int, workers: int, repeats: int
) -> float:
    """Return images per second, the median over epochs."""
    from mmengine.dataset import default_collate
    from torch.utils.data import DataLoader

    loader = DataLoader(
        dataset,
        batch_size=batch_size,
        num_workers=workers,
        persistent_workers=workers > 0,
        collate_fn=default_collate,
    )
    rates = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        for _ in loader:
            pass
        rates.append(len(dataset) / (time.perf_counter() - start))
    return statistics.median(rates[1:])  # the first one starts the workers


def measure_stages(dataset: object, count: int) -> dict[str, float]:
    """Return milliseconds of CPU time an image takes in each transform."""
    spent: dict[str, float] = {}
    for index in range(count):
        results = dataset.get_data_info(index % len(dataset))
        for transform in dataset.pipeline.transforms:
            start = time.process_time()
            results = transform(results)
            elapsed = time.process_time() - start
            name = type(transform).__name__
            spent[name] = spent.get(name, 0.0) + elapsed
    return {name: 1e3 * value / count for name, value in spent.items()}


def cached_copy(dataset: object, config: dict, folder: Path) -> object:
    """Make the pixel cache of a dataset, and the dataset that reads it."""
    from mmpretrain.registry import DATASETS

    from projects.scm.datasets.pixel_cache import PixelCache, image_keys
    from projects.scm.datasets.transforms import find_pixel_steps

    steps = find_pixel_steps(dataset.pipeline.transforms)
    paths = dataset.image_paths()
    cache = PixelCache(folder, steps.settings)
    cache.add(paths, image_keys(paths, dataset.data_root), steps.make)
    return DATASETS.build({**config, 'pixel_cache': str(folder)})


def measure_cache(plain: object, cached: object, repeats: int) -> dict:
    """Compare two datasets in CPU time, in one process, taking turns.

    Returns:
        Medians in milliseconds of CPU time and images a second of it, the
        ratio, the range of the ratios, and whether all samples were equal.
    """
    from projects.scm.datasets import SeededDataset
    from projects.scm.datasets.seeding import DrawnIndex

    datasets = {'plain': plain, 'cached': cached}
    datasets = {k: SeededDataset(v, 0) for k, v in datasets.items()}
    indices = [DrawnIndex(index, 0, index) for index in range(len(plain))]
    equal = all(
        np.array_equal(*(d[index]['inputs'] for d in datasets.values()))
        for index in indices
    )  # this warms up, too
    times = {name: [] for name in datasets}
    for _ in range(repeats):
        for name, dataset in datasets.items():
            start = time.process_time()
            for index in indices:
                dataset[index]
            spent = time.process_time() - start
            times[name].append(spent / len(indices))
    ratios = [
        p / c for p, c in zip(times['plain'], times['cached'], strict=True)
    ]
    medians = {name: statistics.median(t) for name, t in times.items()}
    return {
        'equal': equal,
        **{f'{name}_ms': 1e3 * t for name, t in medians.items()},
        **{f'{name}_per_cpu_s': 1 / t for name, t in medians.items()},
        'ratio': statistics.median(ratios),
        'ratio_min': min(ratios),
        'ratio_max': max(ratios),
    }


def write_list(path: Path, rows: int, with_boxes: bool) -> None:
    """Write a list like TS-CAM's: path, label, and a box."""
    rng = random.Random(0)
    with path.open('w') as file:
        for i in range(rows):
            label = i * 1000 // rows
            wnid = f'n{1440764 + 977 * label:08d}'
            line = f'{wnid}/{wnid}_{i}.JPEG {label}'
            if with_boxes:
                x, y = rng.randrange(200), rng.randrange(150)
                x1, y1 = x + 1 + rng.randrange(250), y + 1 + rng.randrange(200)
                line += f' {x} {y} {x1} {y1}'
            file.write(line + '\n')


def private_bytes() -> int:
    """Memory of this process that it shares with no other (Linux)."""
    text = Path('/proc/self/smaps_rollup').read_text()
    fields = (line.split() for line in text.splitlines()[1:])
    return 1024 * sum(int(f[1]) for f in fields if f[0].startswith('Private'))


def _read_all(dataset: object, queue: multiprocessing.Queue) -> None:
    before = private_bytes()
    for index in range(len(dataset)):
        dataset.get_data_info(index)
    queue.put(private_bytes() - before)


def _load_list(
    folder: str, with_boxes: bool, queue: multiprocessing.Queue
) -> None:
    make_importable()
    from projects.scm.datasets import ImageNetLocalization

    unit = 1 if sys.platform == 'darwin' else 1024
    usage = resource.getrusage(resource.RUSAGE_SELF)
    base = usage.ru_maxrss * unit
    start, cpu = time.perf_counter(), time.process_time()
    dataset = ImageNetLocalization(
        folder, 'train', ann_file='list.txt', with_boxes=with_boxes
    )
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    result = {
        'rows': len(dataset),
        'boxes': with_boxes,
        'seconds': seconds,
        'cpu_seconds': cpu,
        'peak_mb': peak / MEGA,
        'of_which_imports_mb': base / MEGA,
        'kept_mb': dataset.data_bytes.nbytes / MEGA,
        'private_mb_of_a_worker': None,
    }
    if sys.platform == 'linux':
        context = multiprocessing.get_context('fork')
        answers = context.Queue()
        worker = context.Process(target=_read_all, args=(dataset, answers))
        worker.start()
        result['private_mb_of_a_worker'] = answers.get() / MEGA
        worker.join()
    queue.put(result)


def measure_list(rows: int, with_boxes: bool) -> dict:
    """Load a list in a process of its own, whose peak memory is its own."""
    context = multiprocessing.get_context('spawn')
    with tempfile.TemporaryDirectory() as folder:
        write_list(Path(folder) / 'list.txt', rows, with_boxes)
        queue = context.Queue()
        process = context.Process(
            target=_load_list, args=(folder, with_boxes, queue)
        )
        process.start()
        process.join()
        if process.exitcode:
            raise RuntimeError(
                f'loading the list failed (exit code {process.exitcode})'
            )
        return queue.get()


def describe_setup() -> dict:
    """What the figures depend on."""
    import PIL
    from measuring import describe_machine
    from PIL import features

    return {
        **describe_machine('cpu'),
        'pillow': PIL.__version__,
        'jpeg': features.version('jpg'),
        'libjpeg_turbo': features.check_feature('libjpeg_turbo'),
    }


def image_figures(args: argparse.Namespace) -> dict[str, list]:
    """Measure the pipelines."""
    from mmengine.config import Config
    from mmengine.registry import init_default_scope
    from mmpretrain.registry import DATASETS

    init_default_scope('mmpretrain')
    cfg = Config.fromfile(args.config)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / 'set'
        weight = make_set(root, 2 * args.images, *args.size)
        print(
            f'{args.images} JPEGs of {args.size[0]}x{args.size[1]} pixels, '
            f'{weight / 1e3:.0f} kB each'
        )
        rates, stages, caches = [], [], []
        for phase in ('train', 'test'):
            options = {**cfg[f'{phase}_dataloader'].dataset}
            options = {**options, 'data_root': str(root)}
            dataset = DATASETS.build(options)
            cached = cached_copy(dataset, options, Path(folder) / 'cache')
            figures = measure_cache(dataset, cached, args.repeats)
            caches.append({'phase': phase, **figures})
            for workers in args.workers:
                plain_rate, cached_rate = (
                    measure_images(
                        each, args.batch_size, workers, args.repeats
                    )
                    for each in (dataset, cached)
                )
                rates.append(
                    {
                        'phase': phase,
                        'workers': workers,
                        'images_per_s': plain_rate,
                        'cached_per_s': cached_rate,
                    }
                )
            spent = measure_stages(dataset, min(args.images, 100))
            stages += [
                {'phase': phase, 'transform': name, 'cpu_ms_per_image': value}
                for name, value in spent.items()
            ]
    return {'cache': caches, 'images': rates, 'stages': stages}


def plot_rates(file: Path, rates: list[dict]) -> None:
    """Draw images per second over workers."""
    from reporting import save_figure, start_drawing

    plt = start_drawing('dataloader')
    figure, axis = plt.subplots(figsize=(4, 2.8), layout='constrained')
    for phase, marker in (('train', 'o-'), ('test', 's--')):
        rows = [row for row in rates if row['phase'] == phase]
        axis.plot(
            [row['workers'] for row in rows],
            [row['images_per_s'] for row in rows],
            marker,
            label=f'{phase} pipeline',
        )
    axis.set_xticks(sorted({row['workers'] for row in rates}))
    axis.set_xlabel('workers')
    axis.set_ylabel('images a second')
    axis.set_ylim(bottom=0)
    axis.grid(alpha=0.3)
    axis.legend(frameon=False, fontsize='small')
    save_figure(figure, file)


def main() -> None:
    """Run the tool."""
    args = parse_args()
    make_importable()
    from reporting import print_table

    import projects.scm.register  # noqa: F401  registers the datasets
    from projects.scm.utils import write_json

    machine = describe_setup()
    print(json.dumps(machine))
    tables = image_figures(args)
    if args.list_rows:
        boxes = (False, True)
        tables['lists'] = [measure_list(args.list_rows, b) for b in boxes]
    for name, rows in tables.items():
        print(f'\n{name}')
        print_table(rows)
    if args.out:
        write_json(args.out, {'machine': machine, **tables})
    if args.plot:
        plot_rates(args.plot / 'performance_loader.svg', tables['images'])


if __name__ == '__main__':
    main()
