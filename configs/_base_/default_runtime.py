# MMPretrain's defaults, with this project imported and its pictures.
_base_ = 'mmpretrain::_base_/default_runtime.py'

# A child that needs more imports must repeat 'projects.scm': lists replace.
custom_imports = dict(imports=['projects.scm'], allow_failed_imports=False)

default_hooks = dict(
    # The last epoch is what is reported. Choosing the best one needs a split
    # that is not the test set: then set save_best, e.g. 'wsol/scm/top1_loc'.
    checkpoint=dict(max_keep_ckpts=2),
    visualization=dict(type='WSOLVisualizationHook'),
    class_count=dict(type='ClassCountHook'),
    # Drop path of an iteration does not depend on what ran before it.
    iteration_seed=dict(type='IterationSeedHook'),
)
visualizer = dict(type='WSOLVisualizer')

# Samples are seeded too: a resumed training equals an uninterrupted one.
runner_type = 'WSOLRunner'

randomness = dict(seed=26)
