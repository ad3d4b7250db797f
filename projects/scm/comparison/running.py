# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Train and test what a comparison asks for, by the ordinary tools.

A run whose file of results is there is done, whether or not its work folder
still is. One whose training is finished is tested, any other goes on from its
last checkpoint. A method with the weights of another, or with a checkpoint, is
tested only.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope

from projects.scm.evaluation.functional import (
    EvaluationPlan,
    load_label_threshold,
)
from projects.scm.utils import (
    load_test_run,
    read_json,
    write_file,
    write_json,
)
from projects.scm.utils.config_options import load_config
from projects.scm.utils.model_building import build_without_memory

from .results import (
    RunResult,
    fixed_threshold,
    load_result,
    measure_epoch,
    save_result,
)
from .spec import Comparison, Run
from .stamp import make_stamp

_ETA = re.compile(
    r'eta: (?:(?P<days>\d+) days?, )?'
    r'(?P<hours>\d+):(?P<minutes>\d+):(?P<seconds>\d+)'
)
_POLL_SECONDS = 5.0
_REPORT_SECONDS = 60.0


def finished_results(
    comparison: Comparison, *folders: str | Path
) -> list[RunResult]:
    """Results of the runs of a comparison that are there.

    Args:
        comparison (Comparison): What is compared.
        *folders (str | Path): Of results, of other comparisons too. The
            first that has a run counts.

    Returns:
        list[RunResult]: In the order of the runs.

    Raises:
        ValueError: If a file is damaged, or of another run of that name.
    """
    results = []
    for run in comparison.runs():
        files = (Path(folder) / f'{run.name}.json' for folder in folders)
        path = next(filter(Path.is_file, files), None)
        if path is not None:
            result = load_result(path)
            result.check_run(run)
            results.append(result)
    return results


def write_child_config(
    path: str | Path, base: str | Path, options: Mapping[str, Any]
) -> None:
    """Write a config that changes some fields of another.

    Args:
        path (str | Path): The config that is written.
        base (str | Path): The other one.
        options (Mapping): Fields, nested as in a config.
    """
    lines = [f'_base_ = {str(Path(base).resolve())!r}']
    lines += [f'{name} = {value!r}' for name, value in options.items()]
    write_file(path, ('\n'.join(lines) + '\n').encode())


@dataclass
class Runner:
    """Runs a comparison, one training or test at a time.

    Attributes:
        comparison: What is compared.
        tools: Folder of ``train.py`` and ``test.py``.
        configs: Folder of the configs.
        results: Where the file of each run is written.
        work_dir: Where trainings have their folders.
        earlier: Further folders of results, whose runs are not done again.
        checkpoints: Folder of the checkpoints that methods name.
        data_roots: Folders of data sets by name, where they are not those
            of the configs.
        cfg_options: ``--cfg-options`` of this machine for training, such as
            the file of pretrained weights; they are no part of a recipe.
        processes: Of a training; the batch of the config is divided among
            them.
        label_thresholds: Whether thresholds are chosen by labels, too.
    """

    comparison: Comparison
    tools: Path
    configs: Path
    results: Path
    work_dir: Path
    earlier: Sequence[Path] = ()
    checkpoints: Path = Path('checkpoints')
    data_roots: Mapping[str, str] = field(default_factory=dict)
    cfg_options: Sequence[str] = ()
    processes: int = 1
    label_thresholds: bool = True
    _seconds: dict[str, list[float]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        unknown = set(self.data_roots) - set(self.comparison.datasets)
        if unknown:
            raise ValueError(
                f'data_roots: expected some of {self.comparison.datasets}, '
                f'got {sorted(unknown)}'
            )
        if self.processes < 1:
            raise ValueError(
                f'processes: expected at least 1, got {self.processes}'
            )
        for run in self.comparison.runs():
            if not (self.configs / run.config).is_file():
                raise FileNotFoundError(
                    f'{self.configs / run.config}: no such config, of method '
                    f'{run.method.name!r} on {run.dataset!r}'
                )
            path = self.checkpoints / (run.checkpoint or '')
            if run.checkpoint and not path.is_file():
                raise FileNotFoundError(
                    f'{path}: no such checkpoint, of method '
                    f'{run.method.name!r} on {run.dataset!r}'
                )

    def run(self) -> list[RunResult]:
        """Do what is not done yet.

        Returns:
            list[RunResult]: All results.

        Raises:
            RuntimeError: If a tool fails; the message names its log.
            ValueError: If a file of results is damaged or of another run, or,
                before anything is trained, if the model of a method cannot
                be built, for want of an optional package too, or its config
                has no protocol with a fixed threshold.
        """
        runs = self.comparison.runs()
        folders = (self.results, *self.earlier)
        done = {
            (r.dataset, r.method, r.seed)
            for r in finished_results(self.comparison, *folders)
        }
        missing = [
            r for r in runs if (r.dataset, r.method.name, r.seed) not in done
        ]
        # Before anything is trained, and once for all seeds.
        for run in {(r.dataset, r.method.name): r for r in missing}.values():
            self._check_config(run)
        _say('%d of %d runs are done', len(runs) - len(missing), len(runs))
        for place, run in enumerate(missing):
            left = missing[place + 1 :]
            self._run_one(run, f'{len(runs) - len(left)}/{len(runs)}', left)
        return finished_results(self.comparison, *folders)

    def _check_config(self, run: Run) -> None:
        """See that a method can be built and has a fixed threshold."""
        cfg = load_config(self.configs / run.config)
        cfg.merge_from_dict(run.method.options)
        init_default_scope(cfg.get('default_scope', 'mmpretrain'))
        try:
            fixed_threshold(EvaluationPlan.build(cfg.test_evaluator.protocol))
            build_without_memory(cfg.model)
        except Exception as error:  # the parts of a model raise anything
            raise ValueError(
                f'{run.config}, method {run.method.name!r}: {error}'
            ) from error

    def _run_one(self, run: Run, place: str, left: Sequence[Run]) -> None:
        folder, config = self.work_dir / run.name, self._config(run)
        base = self.configs / run.config
        write_child_config(config, base, run.method.options)
        cfg = Config.fromfile(config)
        epochs = 0 if run.checkpoint else cfg.train_cfg.max_epochs
        tested = sorted({e for e in self.comparison.test_epochs if e < epochs})
        tested.append(epochs)
        begin = time.monotonic()
        trained = self.work_dir / run.trained
        if epochs and run.method.weights_of is None:
            self._train(run, cfg, folder, tested, place, left)
        described: dict[str, Any] = {}
        measured = []
        for epoch in tested:
            checkpoint = trained / f'epoch_{epoch}.pth'
            if run.checkpoint:
                checkpoint = self.checkpoints / run.checkpoint
            described, result = self._test(run, cfg, checkpoint, epoch)
            measured.append(result)
        seconds = time.monotonic() - begin
        self._seconds.setdefault(run.dataset, []).append(seconds)
        save_result(
            self.results / f'{run.name}.json',
            {
                **run.recipe,
                'trained_by': _read_stamps(trained),
                'tested_by': make_stamp(self.tools),
                **described,
                'epochs': measured,
            },
        )
        _say('%s %s: done', place, run.name)

    def _train(
        self,
        run: Run,
        cfg: Config,
        folder: Path,
        tested: Sequence[int],
        place: str,
        left: Sequence[Run],
    ) -> None:
        if (folder / f'epoch_{tested[-1]}.pth').is_file():
            return
        self._add_stamp(folder)
        start = [sys.executable, self.tools / 'train.py', self._config(run)]
        options = [*self.cfg_options, *self._data_option(run)]
        options.append(f'randomness.seed={run.seed}')
        if len(tested) > 1:
            options.append('default_hooks.checkpoint.max_keep_ckpts=-1')
        if self.processes > 1:
            start = ['bash', self.tools / 'dist_train.sh', self._config(run)]
            start.append(self.processes)
            options.append(self._batch_option(run, cfg))
        self._call(
            [
                *(*start, '--work-dir', folder, '--resume', '--no-validate'),
                *('--cfg-options', *options),
            ],
            folder / 'train.log',
            partial(self._progress, run, place, left),
        )

    def _config(self, run: Run) -> Path:
        return self.work_dir / run.name / f'{run.name}.py'

    def _data_option(self, run: Run) -> list[str]:
        root = self.data_roots.get(run.dataset)
        return [] if root is None else [f'data_root={root}']

    def _batch_option(self, run: Run, cfg: Config) -> str:
        total = cfg.train_dataloader.batch_size
        if total % self.processes:
            raise ValueError(
                f'{run.config}: a batch of {total} cannot be divided among '
                f'{self.processes} processes'
            )
        return f'train_dataloader.batch_size={total // self.processes}'

    def _test(
        self, run: Run, cfg: Config, checkpoint: Path, epoch: int
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        if not checkpoint.is_file():
            raise FileNotFoundError(
                f'{checkpoint}: not there, but epoch {epoch} is to be tested; '
                f'remove {checkpoint.parent} and its file of results to train '
                'again'
            )
        folder = self.work_dir / run.name
        arguments = [self._config(run), checkpoint]
        if root := self._data_option(run):
            arguments += ['--cfg-options', *root]
        out = folder / f'predictions_{epoch}.pkl'
        if not out.is_file():
            tool = self.tools / 'test.py'
            place = ['--work-dir', folder, '--out', out]
            self._call(
                [sys.executable, tool, *arguments, *place],
                folder / f'test_{epoch}.log',
            )
        labels = None
        if self.label_thresholds:
            file = folder / f'labels_{epoch}.json'
            if not file.is_file():
                tool = self.tools / 'analysis_tools' / 'choose_threshold.py'
                self._call(
                    [sys.executable, tool, *arguments, '--out', file],
                    file.with_suffix('.log'),
                )
            labels = load_label_threshold(file)
        plan = EvaluationPlan.build(cfg.test_evaluator.protocol)
        return measure_epoch(load_test_run(out), plan, epoch, labels)

    def _add_stamp(self, folder: Path) -> None:
        stamp = {**make_stamp(self.tools), 'processes': self.processes}
        stamps = _read_stamps(folder)
        if stamp not in stamps:
            write_json(folder / 'stamps.json', [*stamps, stamp])

    def _call(
        self,
        command: Sequence[object],
        log: Path,
        progress: Callable[[float, Path], None] | None = None,
    ) -> None:
        """Run a tool, its output in a file, and tell how far it is."""
        log.parent.mkdir(parents=True, exist_ok=True)
        begin = told = time.monotonic()
        with log.open('ab') as file:
            process = subprocess.Popen(
                list(map(str, command)),
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**os.environ, 'PYTHON': sys.executable},
            )
            try:
                while True:
                    try:
                        process.wait(_POLL_SECONDS)
                        break
                    except subprocess.TimeoutExpired:
                        now = time.monotonic()
                        if progress and now - told >= _REPORT_SECONDS:
                            progress(begin, log)
                            told = now
            except BaseException:
                process.terminate()
                process.wait()
                raise
        if process.returncode:
            raise RuntimeError(
                f'{Path(command[1]).name} failed with {process.returncode}; '
                f'see {log}. Its end:\n{_tail(log)}'
            )

    def _progress(
        self,
        run: Run,
        place: str,
        left: Sequence[Run],
        begin: float,
        log: Path,
    ) -> None:
        found = list(_ETA.finditer(_tail(log, 20_000)))
        if not found:
            _say('%s %s: starting', place, run.name)
            return
        parts = found[-1].groupdict(default=0)
        here = timedelta(**{name: int(part) for name, part in parts.items()})
        known = {
            name: sum(times) / len(times)
            for name, times in self._seconds.items()
        }
        known[run.dataset] = time.monotonic() - begin + here.total_seconds()
        later = sum(known.get(other.dataset, 0) for other in left)
        untimed = sum(other.dataset not in known for other in left)
        _say(
            '%s %s: %s left, %s for all%s',
            place,
            run.name,
            here,
            here + timedelta(seconds=round(later)),
            f' and {untimed} of sets not timed yet' if untimed else '',
        )


def _read_stamps(folder: Path) -> list[dict[str, Any]]:
    """What the run was trained by; several where it was continued."""
    path = folder / 'stamps.json'
    return read_json(path) if path.is_file() else []


def _tail(path: Path, size: int = 2_000) -> str:
    data = path.read_bytes() if path.is_file() else b''
    return data[-size:].decode(errors='replace')


def _say(text: str, *values: Any) -> None:
    MMLogger.get_current_instance().info(text, *values)
