# Step 1: boxes of the training images, found by a trained classifier.
#   python tools/test.py configs/psol/pseudo-labels_scm_deit-s_cub.py CKPT
_base_ = '../scm_deit-s_cub.py'

# The training images, as the test sees images; their boxes are not read.
test_dataloader = dict(
    dataset=dict(
        split='train',
        pipeline=[
            {{_base_.load_image}},
            dict(type='ContiguousImage'),
            dict(
                type='Resize',
                scale=(224, 224),
                backend='pillow',
                interpolation='bilinear',
            ),
            dict(type='PackWSOLInputs'),
        ],
    )
)
test_evaluator = dict(
    _delete_=True,
    type='DumpPseudoLabels',
    out_file='work_dirs/psol/cub_train.json',
    data_prefix='data/CUB_200_2011/images',
    # The map of the image's own label, which training images have.
    boxes='gt_class',
    box_cfg=dict(threshold=0.1),
)
