# Copyright (c) SCM-WSOL contributors. All rights reserved.
import numpy as np
import torch

from projects.scm.evaluation.metrics.on_cpu import on_cpu


class OnDevice(torch.Tensor):
    """Does not turn into an array by itself, as on a GPU."""

    def __array__(self, *args, **kwargs):
        raise TypeError('copy the tensor to host memory first')

    def numpy(self):
        raise TypeError('copy the tensor to host memory first')

    def cpu(self):
        return self.as_subclass(torch.Tensor)


def test_tensors_of_any_device_become_arrays():
    maps = torch.arange(4.0).as_subclass(OnDevice)
    sample = on_cpu({'maps': maps, 'nested': {'label': maps}, 'path': 'a'})
    np.testing.assert_array_equal(sample['maps'], [0, 1, 2, 3])
    assert isinstance(sample['nested']['label'], np.ndarray)
    assert sample['path'] == 'a'
