# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""MMPretrain's progress bar, which moves, and goes away in any case."""

from collections.abc import Iterator

from mmpretrain.utils import progress

from projects.scm.utils.progress import draws_bars, in_lines


def with_progress_bar(results: Iterator, total: int) -> Iterator:
    """Show MMPretrain's progress bar while results are taken.

    Its own ``track`` leaves the updates to a thread of rich, which ends
    after a tenth of a second because the bar is drawn by another object; and
    it leaves the bar running after an error. Where the output is redirected
    it is a line every ten per cent. ``disable_progress_bar`` of
    ``mmpretrain.utils.progress`` is heeded.

    Args:
        results (Iterator): Anything.
        total (int): How many of them are expected.

    Yields:
        Any: The results.
    """
    if progress.disable_progress_bar:
        yield from results
        return
    bars, live = progress.global_progress, progress.global_live
    if not draws_bars(live.console):
        yield from in_lines(results, 'Inference', total, live.console)
        return
    live.start()
    task = bars.add_task('Inference', total=total)
    try:
        for result in results:
            bars.advance(task)
            yield result
    finally:
        if bars.task_ids == [task]:
            live.stop()
        bars.remove_task(task)
