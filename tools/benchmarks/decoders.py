# Copyright (c) SCM-WSOL contributors. All rights reserved.
r"""Compare decoders of JPEGs: are their pixels Pillow's, and how fast.

Example::

    pip install simplejpeg PyTurboJPEG torchcodec
    python tools/benchmarks/decoders.py data/imagewoof --out decoders.json

Every decoder makes RGB pixels, turned by no EXIF tag, of the bytes of a file.
Those that are not installed are left out, and named. First equality is
counted, then CPU time is measured in rounds, A B C A B C …; ratios are
medians of the ratios within the rounds. *resized* is the same with Pillow's
``resize`` to 256x256 after it, which is what a pipeline without a cache can
gain. *pillow draft* is Pillow's decoding at a fraction of the size that still
fills 256x256: not the same pixels; differences are those of resized pixels.
"""

import argparse
import io
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import arguments
from _repo_path import make_importable, run


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = arguments.parser_of(__doc__)
    parser.add_argument('photographs', type=Path, help='folder of JPEGs')
    parser.add_argument(
        '--images', type=int, default=200, help='defaults to 200'
    )
    parser.add_argument(
        '--enlarged',
        type=float,
        nargs='+',
        default=[1.0],
        metavar='FACTOR',
        help='sizes to measure; defaults to 1, the files as they are',
    )
    parser.add_argument(
        '--repeats', type=int, default=7, help='rounds; defaults to 7'
    )
    parser.add_argument(
        '--turbojpeg',
        metavar='FILE',
        help="libjpeg-turbo's library, where PyTurboJPEG does not find it",
    )
    parser.add_argument('--out', type=Path, help='JSON file to write')
    return parser.parse_args()


if __name__ == '__main__':  # --help and wrong arguments are told at once
    parse_args()

make_importable()

import numpy as np  # noqa: E402
from PIL import Image, features  # noqa: E402

from projects.scm.utils.environment import (  # noqa: E402
    OPENCV_DISTRIBUTIONS,
    installed_distributions,
)

SIZE = (256, 256)
Decode = Callable[[bytes], np.ndarray]


def decode_with_pillow(content: bytes) -> np.ndarray:
    """The reference."""
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert('RGB'))


def decode_draft(content: bytes) -> np.ndarray:
    """Pillow, at a fraction of the size that still fills ``SIZE``."""
    with Image.open(io.BytesIO(content)) as image:
        image.draft(None, SIZE)
        return np.asarray(image.convert('RGB'))


def _opencv() -> Decode:
    import cv2

    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    return lambda content: cv2.imdecode(
        np.frombuffer(content, np.uint8), flags
    )


def _simplejpeg() -> Decode:
    import simplejpeg

    return lambda content: simplejpeg.decode_jpeg(content, 'RGB')


def _turbojpeg(library: str | None = None) -> Decode:
    import turbojpeg

    jpeg = turbojpeg.TurboJPEG(library)  # RuntimeError without the C library
    return lambda content: jpeg.decode(content, turbojpeg.TJPF_RGB)


def _torchvision() -> Decode:
    import torch
    from torchvision.io import ImageReadMode, decode_jpeg

    def decode(content: bytes) -> np.ndarray:
        data = torch.frombuffer(bytearray(content), dtype=torch.uint8)
        pixels = decode_jpeg(data, ImageReadMode.RGB)
        return pixels.permute(1, 2, 0).numpy()

    return decode


def _torchcodec() -> Decode:
    import torch
    from torchcodec.decoders import decode_jpeg

    def decode(content: bytes) -> np.ndarray:
        data = torch.frombuffer(bytearray(content), dtype=torch.uint8)
        return decode_jpeg(data).permute(1, 2, 0).numpy()

    return decode


#: Name -> distributions whose versions are told, of those that are there, and
#: what makes the decoder.
DECODERS: dict[str, tuple[Sequence[str], Callable[[], Decode]]] = {
    'pillow': (['pillow'], lambda: decode_with_pillow),
    'opencv': (OPENCV_DISTRIBUTIONS, _opencv),
    'simplejpeg': (['simplejpeg'], _simplejpeg),
    'PyTurboJPEG': (['PyTurboJPEG'], _turbojpeg),
    'torchvision': (['torchvision'], _torchvision),
    'torchcodec': (['torchcodec'], _torchcodec),
    'pillow draft': (['pillow'], lambda: decode_draft),
}


def find_decoders(
    content: bytes, library: str | None = None
) -> tuple[dict[str, Decode], dict[str, str]]:
    """Make the decoders that work here.

    Args:
        content: Of a JPEG, to try them on.
        library: File of libjpeg-turbo, for PyTurboJPEG.

    Returns:
        tuple: Decoders by name, and why others are left out.
    """
    found, missing = {}, {}
    for name, (_, make) in DECODERS.items():
        try:
            decode = make(library) if make is _turbojpeg else make()
            decode(content)
        except Exception as error:
            lines = str(error).strip().splitlines() or ['']
            missing[name] = f'{type(error).__name__}: {lines[0]}'
            continue
        found[name] = decode
    return found, missing


def resize(pixels: np.ndarray) -> np.ndarray:
    """What the training pipeline does next."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(image.resize(SIZE, Image.BILINEAR))


def compare(decode: Decode, contents: list[bytes]) -> dict[str, Any]:
    """Compare a decoder's pixels with Pillow's.

    Returns:
        dict: ``equal`` images of ``images``, ``failed`` ones, and the
        greatest and mean difference of the resized pixels, in grey levels.
    """
    equal = failed = 0
    greatest, means = 0, []
    for content in contents:
        expected = decode_with_pillow(content)
        try:
            found = decode(content)
        except Exception:
            failed += 1
            continue
        equal += np.array_equal(expected, found)
        gap = np.abs(resize(expected).astype(int) - resize(found))
        greatest = max(greatest, int(gap.max()))
        means.append(gap.mean())
    return {
        'images': len(contents),
        'equal': equal,
        'failed': failed,
        'max_difference': greatest,
        'mean_difference': float(np.mean(means)) if means else None,
    }


def cpu_time(step: Callable[[bytes], Any], contents: list[bytes]) -> float:
    """Seconds of CPU time for all images."""
    start = time.process_time()
    for content in contents:
        step(content)
    return time.process_time() - start


def _steps(decode: Decode) -> dict[str, Callable[[bytes], Any]]:
    return {
        'decode': decode,
        'resized': lambda content: resize(decode(content)),
    }


def measure(
    decoders: dict[str, Decode], contents: list[bytes], repeats: int
) -> dict[str, dict[str, float]]:
    """Milliseconds of CPU time an image, and ratios to Pillow."""
    steps = {
        (name, what): step
        for name, decode in decoders.items()
        for what, step in _steps(decode).items()
    }
    rounds = [
        {key: cpu_time(step, contents) for key, step in steps.items()}
        for _ in range(repeats + 1)
    ][1:]  # the first one warms up
    figures: dict[str, dict[str, float]] = {name: {} for name in decoders}
    for name, what in steps:
        times = [r[name, what] for r in rounds]
        ratios = [r['pillow', what] / r[name, what] for r in rounds]
        own = figures[name]
        own[f'{what}_ms'] = 1e3 * statistics.median(times) / len(contents)
        own[f'{what}_faster'] = statistics.median(ratios)
    return figures


def read_photographs(
    folder: Path, count: int, enlarged: float, quality: int
) -> Iterator[bytes]:
    """Contents of JPEGs below a folder, evenly spread.

    Args:
        folder: Searched with all below it.
        count: How many, at most.
        enlarged: 1 for the files as they are; else they are enlarged so and
            encoded again.
        quality: Of that.
    """
    files = sorted(
        file
        for file in folder.rglob('*')
        if file.suffix.lower() in ('.jpg', '.jpeg')
    )
    if not files:
        raise FileNotFoundError(f'{folder}: has no .jpg or .jpeg')
    places = np.linspace(0, len(files) - 1, min(count, len(files)))
    for place in places.astype(int):
        content = files[place].read_bytes()
        if enlarged != 1:
            content = enlarge(content, enlarged, quality)
        yield content


def enlarge(content: bytes, factor: float, quality: int) -> bytes:
    """Enlarge a picture, and encode it again as a JPEG."""
    with Image.open(io.BytesIO(content)) as image:
        size = [round(side * factor) for side in image.size]
        large = image.convert('RGB').resize(size, Image.BICUBIC)
    stream = io.BytesIO()
    large.save(stream, 'JPEG', quality=quality)
    return stream.getvalue()


def describe_setup(names: list[str]) -> dict[str, Any]:
    """What the figures depend on."""
    from measuring import describe_machine

    return {
        **describe_machine('cpu'),
        'versions': installed_distributions(
            distribution
            for name in names
            for distribution in DECODERS[name][0]
        ),
        'libjpeg_of_pillow': features.version('jpg'),
        'libjpeg_turbo_of_pillow': features.version_feature('libjpeg_turbo'),
    }


def main() -> None:
    """Run the tool."""
    args = parse_args()
    from reporting import print_table

    from projects.scm.utils import write_json

    record: dict[str, Any] = {'rows': []}
    for factor in args.enlarged:
        contents = list(
            read_photographs(args.photographs, args.images, factor, 92)
        )
        decoders, missing = find_decoders(contents[0], args.turbojpeg)
        if factor == args.enlarged[0]:
            record['machine'] = describe_setup(list(decoders))
            record['left_out'] = missing
            print(record['machine'])
            for name, why in missing.items():
                print(f'left out: {name}: {why}')
        times = measure(decoders, contents, args.repeats)
        rows = [
            {
                'decoder': name,
                'enlarged': factor,
                'kB': sum(map(len, contents)) / len(contents) / 1e3,
                **compare(decode, contents),
                **times[name],
            }
            for name, decode in decoders.items()
        ]
        print_table(rows)
        record['rows'] += rows
    if args.out:
        write_json(args.out, record)


if __name__ == '__main__':
    run(main)
