# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""A page to try a model on: a picture in, boxes and heat maps out.

Needs Gradio (``pip install -r requirements/demo.txt``). Example::

    python demo/gradio_app.py configs/scm_deit-s_cub.py scm_deit-s_cub.pth
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'tools'))

from _options import add_trust_option
from _repo_path import make_importable

PICTURES = {'.jpg', '.jpeg', '.png', '.webp'}
HEADERS = ['class', 'score', 'x0', 'y0', 'x1', 'y1']
WIDTHS = ['96px', '72px', *['64px'] * 4]
ROOT = Path(__file__).resolve().parents[1]
PHOTOS = ROOT / 'tools' / 'demo' / 'photos' / 'test' / 'classes'
MAX_EXAMPLES = 8
NAME_BUTTONS = """() => {
  // Gradio's buttons around pictures have no names for screen readers.
  const name = () => {
    document.querySelectorAll('.gallery-item').forEach((node, i) => {
      node.ariaLabel = `Example ${i + 1}`;
    });
    document.querySelectorAll('.image-container > button').forEach((node) => {
      if (!node.textContent.trim()) node.ariaLabel ??= 'Picture';
    });
  };
  new MutationObserver(name).observe(
    document.body, { childList: true, subtree: true });
  name();
}"""
LAUNCH = dict(
    show_error=True,
    footer_links=[],  # their contrast is too low to be read
    js=NAME_BUTTONS,
)


def keep_file(payload: Any) -> str | None:
    """The file of a picture, unread.

    Gradio's own reading makes 16 bits white, and says of what it cannot read
    nothing that a person understands. Not a class of its own, for which
    Gradio would write a file of types beside this one.
    """
    return None if payload is None else payload.path


def find_examples(folder: Path) -> list[Path]:
    """Pictures of a folder and of those in it, some of each.

    Args:
        folder: Where to look.

    Returns:
        list[Path]: At most ``MAX_EXAMPLES``.

    Raises:
        FileNotFoundError: If there is none.
    """
    found = sorted(
        path for path in folder.rglob('*') if path.suffix.lower() in PICTURES
    )
    if not found:
        endings = ', '.join(sorted(PICTURES))
        raise FileNotFoundError(f'{folder}: no pictures ({endings}) in it')
    return found[:: -(-len(found) // MAX_EXAMPLES)]


def build_page(
    inferencer: Any, examples: Sequence[str | Path] = ()
) -> gradio.Blocks:
    """The page of a model.

    Args:
        inferencer: A ``WSOLInferencer``.
        examples: Pictures to try it with; the page opens with the first.

    Returns:
        gradio.Blocks: Ready to be launched; its endpoint is ``/localize``:
        picture, class, threshold, several boxes in; a sentence, the picture
        with boxes, the score maps and a table out.
    """
    from projects.scm.apis.loading import load_source
    from projects.scm.apis.pictures import result_panels
    from projects.scm.apis.results import instance_rows
    from projects.scm.apis.sources import Source
    from projects.scm.visualization import tile_panels

    names = inferencer.classes or range(inferencer.model.head.num_classes)
    targets = ['predicted', 'topk', *map(str, names)]

    def localize(
        file: str | None, target: str, threshold: float, several: bool
    ) -> tuple[str, np.ndarray | None, np.ndarray | None, list[list]]:
        if file is None:
            return 'Choose a picture.', None, None, []
        if inferencer.classes is None and target.isdecimal():
            target = int(target)
        source = Source(Path(file).name, file)
        try:
            image = load_source(source, inferencer.loader, upright=True)['img']
            [sample] = inferencer(
                image,
                return_datasamples=True,
                progress_bar=False,
                target=target,
                threshold=threshold,
                contours='all' if several else 'largest',
            )
        except (ValueError, OSError) as error:
            # The page's copy lies in a folder that tells nobody anything.
            reason = str(error).replace(file, source.name)
            raise gradio.Error(reason) from error
        rgb = np.ascontiguousarray(image[..., ::-1])
        boxes, *maps = result_panels(rgb, sample, inferencer.classes)
        rows = instance_rows(sample, inferencer.classes)
        table = [
            [
                str(row.get('class', row['label'])),
                round(row['score'], 3),
                *(round(side, 1) for side in row['bbox']),
            ]
            for row in rows
        ]
        # Below each other, as a phone has room for.
        drawn = tile_panels(maps, columns=1, height=boxes.image.shape[0])
        return f'## {boxes.caption}', boxes.image, drawn, table

    with gradio.Blocks(
        title='Localization from image labels', analytics_enabled=False
    ) as page:
        gradio.Markdown('# Localization from image labels')
        with gradio.Row():
            with gradio.Column(scale=3, min_width=300):
                verdict = gradio.Markdown('## Choose a picture.')
                # Without a label: its badge would lie on the picture.
                boxes = gradio.Image(
                    show_label=False, label='Boxes', interactive=False
                )
                table = gradio.Dataframe(
                    headers=HEADERS,
                    label='Boxes in pixels',
                    wrap=True,
                    column_widths=WIDTHS,
                )
                gradio.Markdown('## Score maps')
                maps = gradio.Image(
                    show_label=False, label='Score maps', interactive=False
                )
            with gradio.Column(scale=2, min_width=300):
                file = gradio.Image(
                    str(examples[0]) if examples else None,
                    type='filepath',
                    image_mode=None,
                    label='Picture',
                )
                file.preprocess = keep_file
                threshold = gradio.Slider(
                    0,
                    1,
                    value=inferencer.model.head.box_cfg['threshold'],
                    step=0.01,
                    label='Threshold: share of the largest value of the map',
                )
                target = gradio.Dropdown(
                    targets, value='predicted', label='Class'
                )
                several = gradio.Checkbox(label='Several boxes a map')
                if examples:
                    gradio.Examples([str(e) for e in examples], file)
        inputs = [file, target, threshold, several]
        gradio.on(
            [page.load, *(entry.change for entry in inputs)],
            localize,
            inputs,
            [verdict, boxes, maps, table],
            api_name='localize',
            # While the slider moves, only where it stands counts.
            trigger_mode='always_last',
            show_progress='minimal',
        )
    return page


def main() -> None:
    """Serve the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument('--device', help='else an accelerator, if any')
    parser.add_argument(
        '--examples',
        type=Path,
        default=PHOTOS,
        help='folder of pictures to try, those in its folders too; defaults '
        'to those of the demo',
    )
    parser.add_argument('--host', default='127.0.0.1')
    parser.add_argument('--port', type=int, default=7860)
    add_trust_option(parser)
    args = parser.parse_args()
    try:
        examples = find_examples(args.examples)
    except FileNotFoundError as error:
        parser.error(f'--examples: {error}')
    make_importable()
    import projects.scm.register  # noqa: F401
    from projects.scm.apis import WSOLInferencer
    from projects.scm.utils.trust import trusted

    with trusted(args.trust):
        inferencer = WSOLInferencer(args.config, args.checkpoint, args.device)
    build_page(inferencer, examples).launch(
        server_name=args.host, server_port=args.port, **LAUNCH
    )


if __name__ == '__main__':
    main()
