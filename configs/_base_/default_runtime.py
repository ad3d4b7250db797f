# MMPretrain's defaults, with this project imported and its pictures.
_base_ = 'mmpretrain::_base_/default_runtime.py'

# A child that needs more imports must repeat this one: lists replace.
custom_imports = dict(
    imports=['projects.scm.register'], allow_failed_imports=False
)

default_hooks = dict(
    logger=dict(type='ProgressLoggerHook'),
    # The last epoch is what is reported. Choosing the best one needs a split
    # that is not the test set: then set save_best, e.g. 'wsol/scm/top1_loc'.
    checkpoint=dict(type='DurableCheckpointHook', max_keep_ckpts=2),
    visualization=dict(type='WSOLVisualizationHook'),
    checkpoint_fit=dict(type='CheckpointFitHook'),
    class_count=dict(type='ClassCountHook'),
    data_check=dict(type='DataCheckHook'),
    # Drop path of an iteration does not depend on what ran before it.
    iteration_seed=dict(type='IterationSeedHook'),
    resume_check=dict(type='ResumeCheckHook'),
    missed_validation=dict(type='MissedValidationHook'),
)
# λ and β in the log, of heads that have a calibration.
custom_hooks = [dict(type='CalibrationLogHook')]
visualizer = dict(type='WSOLVisualizer')
# The loss first, and no figure of a table a second time.
log_processor = dict(type='WSOLLogProcessor')

# Processes that wait for one that is frozen end with a message, seconds. On
# several nodes rank 0 evaluates while the others wait: leave it the time.
env_cfg = dict(dist_cfg=dict(timeout=1800))

# Samples are seeded too: a resumed training equals an uninterrupted one.
runner_type = 'WSOLRunner'

randomness = dict(seed=26)
