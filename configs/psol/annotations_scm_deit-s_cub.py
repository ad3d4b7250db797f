# Step 2: classes and ground truth of the test images, for step 3.
#   python tools/test.py configs/psol/annotations_scm_deit-s_cub.py CKPT \
#       --out work_dirs/psol/cub_test.pkl
# Any classifier will do; it need not be the one that made the boxes.
_base_ = '../scm_deit-s_cub.py'

test_evaluator = [
    dict(type='WSOLEvaluator', protocol=['scm', 'wsoleval', 'tscam']),
    dict(
        type='DumpPseudoLabels',
        prefix='ground_truth',
        out_file='work_dirs/psol/cub_test.json',
        data_prefix='data/CUB_200_2011/images',
        boxes='annotated',
    ),
]
