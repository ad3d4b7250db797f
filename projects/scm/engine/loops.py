# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""A training loop that goes on in the middle of an epoch."""

from mmengine.registry import LOOPS
from mmengine.runner import EpochBasedTrainLoop


@LOOPS.register_module()
class ResumableEpochLoop(EpochBasedTrainLoop):
    """MMEngine's epochs, resumed where a checkpoint by iteration was saved.

    MMEngine would begin the epoch again and count its iterations twice.
    """

    def run_epoch(self) -> None:
        """Run an epoch, or what is left of it."""
        length = len(self.dataloader)
        done = self._iter - self._epoch * length
        if not 0 < done <= length:
            super().run_epoch()
            return
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        if done < length:
            self.dataloader.sampler.begin_at(done * self.dataloader.batch_size)
            for index, batch in enumerate(self.dataloader, done):
                self.run_iter(index, batch)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1
