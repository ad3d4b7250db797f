# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Command lines of the benchmarks; nothing slow is imported here."""

import argparse
import os
from pathlib import Path


def default_threads() -> int:
    """What OpenMP takes: the user's number, else one a core."""
    return int(os.environ.get('OMP_NUM_THREADS') or os.cpu_count() or 1)


def parser_of(description: str) -> argparse.ArgumentParser:
    """A parser that shows a description as it is written."""
    return argparse.ArgumentParser(
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_numbers(
    parser: argparse.ArgumentParser, name: str, default: int, text: str = ''
) -> None:
    """Add an option of whole numbers, each of which is measured."""
    parser.add_argument(
        name,
        type=int,
        nargs='+',
        default=[default],
        metavar='N',
        help=f'{text}(default: {default})',
    )


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add where to write and to draw what was measured."""
    parser.add_argument('--out', type=Path, help='JSON file to write')
    parser.add_argument(
        '--plot', type=Path, metavar='FOLDER', help='draw a figure there'
    )


def parser_of_steps(
    description: str, batch_size: int
) -> argparse.ArgumentParser:
    """A parser with the arguments of all benchmarks of steps."""
    parser = parser_of(description)
    add_numbers(parser, '--batch-size', batch_size, 'images a step ')
    add_numbers(parser, '--classes', 200)
    add_numbers(parser, '--threads', default_threads(), 'on the CPU ')
    parser.add_argument('--device', default='cpu', help='cpu (default), cuda')
    parser.add_argument(
        '--repeats', type=int, default=9, help='timed rounds (default: 9)'
    )
    parser.add_argument(
        '--warmup', type=int, default=2, help='rounds before (default: 2)'
    )
    parser.add_argument('--no-memory', action='store_true', help='only time')
    add_output(parser)
    parser.add_argument(
        '--from',
        dest='source',
        type=Path,
        metavar='JSON',
        help='measure nothing, take what an earlier --out has written',
    )
    return parser


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the benchmarks of whole models."""
    add_numbers(parser, '--img-size', 224)
    parser.add_argument(
        '--arch',
        default='deit-small',
        help="of mmpretrain's VisionTransformer (default: deit-small)",
    )
    parser.add_argument(
        '--dtype',
        choices=['fp32', 'bf16'],
        default='fp32',
        help='bf16 is autocast (default: fp32)',
    )
    parser.add_argument(
        '--compile', action='store_true', help='torch.compile all models'
    )


def parser_of_commands(
    description: str, images: int
) -> argparse.ArgumentParser:
    """A parser with the arguments of all benchmarks of commands."""
    parser = parser_of(description)
    add_numbers(parser, '--images', images)
    parser.add_argument(
        '--repeats', type=int, default=3, help='rounds (default: 3)'
    )
    parser.add_argument(
        '--warmup',
        type=int,
        default=1,
        help='rounds before, which may do with less where commands take '
        'minutes (default: 1)',
    )
    add_output(parser)
    return parser
