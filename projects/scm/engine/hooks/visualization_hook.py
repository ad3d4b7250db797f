# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Draws results while validating and testing."""

from collections.abc import Sequence
from pathlib import Path

from mmengine.fileio import join_path
from mmengine.runner import Runner
from mmpretrain.engine import VisualizationHook
from mmpretrain.registry import HOOKS
from mmpretrain.structures import DataSample

from projects.scm.utils.checks import (
    check_flags,
    check_numbers,
    check_paths,
    check_positive,
)
from projects.scm.visualization import (
    WSOLVisualizer,
    input_to_rgb,
    read_picture,
)


@HOOKS.register_module()
class WSOLVisualizationHook(VisualizationHook):
    """Draw every ``interval``-th sample with :class:`WSOLVisualizer`.

    Takes the options that ``tools/test.py --show`` and ``--show-dir`` set.
    The picture is read again from its file, in its own size and colours.
    Pictures are named ``<folder>_<file name>``, because files of different
    classes often share a name.

    Args:
        enable (bool): Draw at all. Defaults to False.
        interval (int): Samples (of one process) from one picture to the
            next; the first of every run is drawn. Defaults to 5000.
        show (bool): Show every picture in a window. Defaults to False.
        wait_time (float): Seconds a window stays; 0 is for ever. Defaults
            to 0.
        out_dir (str, optional): Folder to write pictures to, instead of the
            backends of the visualizer. Defaults to None.
    """

    def __init__(
        self,
        enable: bool = False,
        interval: int = 5000,
        show: bool = False,
        wait_time: float = 0.0,
        out_dir: str | None = None,
    ) -> None:
        check_positive(interval=interval)
        check_flags(enable=enable, show=show)
        check_numbers('[0, inf)', wait_time=wait_time)
        if out_dir is not None:
            check_paths(out_dir=out_dir)
        super().__init__(
            enable=enable, interval=interval, show=show, out_dir=out_dir
        )
        self.wait_time = wait_time
        self._seen = 0

    def before_val_epoch(self, runner: Runner) -> None:
        """Count samples from the first one."""
        self._seen = 0

    before_test_epoch = before_val_epoch

    def _draw_samples(
        self,
        batch_idx: int,
        data_batch: dict,
        data_samples: Sequence[DataSample],
        step: int = 0,
    ) -> None:
        """Draw those samples of a batch whose turn it is.

        Args:
            batch_idx (int): Not used: samples are counted, since the last
                batch may be smaller than the others.
            data_batch (dict): ``inputs``, one uint8 ``(3, H, W)`` BGR tensor
                a sample, is drawn on where a sample has no ``img_path``.
            data_samples (Sequence[DataSample]): What the model returned.
            step (int): Step recorded in the backends. Defaults to 0.
        """
        first, self._seen = self._seen, self._seen + len(data_samples)
        if not self.enable:
            return
        if not isinstance(self._visualizer, WSOLVisualizer):
            raise TypeError(
                "visualizer: expected type='WSOLVisualizer' in the config, "
                f'got {type(self._visualizer).__name__}'
            )
        for index, data_sample in enumerate(data_samples, first):
            if index % self.interval:
                continue
            path = data_sample.get('img_path')
            if path is not None:
                name = '_'.join(Path(path).parts[-2:])
                shape = data_sample.get('ori_shape')
                size_wh = None if shape is None else shape[1::-1]
                image = read_picture(path, size_wh)
            else:
                name = str(index)
                image = input_to_rgb(data_batch['inputs'][index - first])
            out_file = None
            if self.out_dir is not None:
                out_file = join_path(self.out_dir, f'{name}_{step}.png')
            self._visualizer.add_datasample(
                name,
                image,
                data_sample,
                show=self.show,
                wait_time=self.wait_time,
                out_file=out_file,
                step=step,
            )
