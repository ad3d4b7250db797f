# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""A page to try a model on: a picture in, boxes and heat maps out.

Needs Gradio (``pip install -r requirements/demo.txt``). Example::

    python demo/gradio_app.py configs/scm_deit-s_cub.py scm_deit-s_cub.pth
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import gradio
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'tools'))

from _repo_path import make_importable
from _trust import add_trust_option


def build_page(inferencer: Any) -> gradio.Interface:
    """The page of a model.

    Args:
        inferencer: A ``WSOLInferencer``.

    Returns:
        gradio.Interface: Ready to be launched; its one endpoint is
        ``/localize``.
    """
    from projects.scm.apis.loading import load_source
    from projects.scm.apis.pictures import draw_result
    from projects.scm.apis.results import instance_rows
    from projects.scm.apis.sources import Source

    names = inferencer.classes or range(inferencer.model.head.num_classes)
    targets = ['predicted', 'topk', *map(str, names)]

    def localize(
        file: str | None, target: str, threshold: float, several: bool
    ) -> tuple[np.ndarray, list[dict[str, Any]]]:
        if file is None:
            raise gradio.Error('Choose a picture first.')
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
        drawn = draw_result(rgb, sample, inferencer.classes)
        return drawn, instance_rows(sample, inferencer.classes)

    return gradio.Interface(
        localize,
        inputs=[
            # As it is: Gradio's own reading makes 16 bits white, and says
            # of a broken file only that there was an error.
            gradio.Image(type='filepath', image_mode=None, label='Picture'),
            gradio.Dropdown(targets, value='predicted', label='Class'),
            gradio.Slider(
                0,
                1,
                value=inferencer.model.head.box_cfg['threshold'],
                step=0.01,
                label='Threshold: share of the largest value of the map',
            ),
            gradio.Checkbox(label='Several boxes a map'),
        ],
        outputs=[
            gradio.Image(label='Boxes and score maps'),
            gradio.JSON(label='Boxes: x0, y0, x1, y1 in pixels'),
        ],
        title='Localization from image labels',
        api_name='localize',
        flagging_mode='never',
        analytics_enabled=False,
    )


def main() -> None:
    """Serve the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument('--device', help='else an accelerator, if any')
    parser.add_argument('--host', default='127.0.0.1')
    parser.add_argument('--port', type=int, default=7860)
    add_trust_option(parser)
    args = parser.parse_args()
    make_importable()
    import projects.scm.register  # noqa: F401
    from projects.scm.apis import WSOLInferencer
    from projects.scm.utils.trust import trusted

    with trusted(args.trust):
        inferencer = WSOLInferencer(args.config, args.checkpoint, args.device)
    # Gradio's own reading may fail before ours: its reason is shown, too.
    build_page(inferencer).launch(
        server_name=args.host, server_port=args.port, show_error=True
    )


if __name__ == '__main__':
    main()
