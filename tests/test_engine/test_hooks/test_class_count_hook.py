# Copyright (c) SCM-WSOL contributors. All rights reserved.
from types import SimpleNamespace

import pytest
from mmpretrain.registry import HOOKS
from torch import nn

from projects.scm.engine.hooks.class_count_hook import check_class_count


def model_of(num_classes):
    model = nn.Module()
    model.head = nn.Module()
    model.head.num_classes = num_classes
    return model


def wrapped(model):
    wrapper = nn.Module()
    wrapper.module = model
    return wrapper


def dataset_of(*classes):
    return SimpleNamespace(metainfo={'classes': classes})


@pytest.mark.parametrize('stage', ['train', 'val', 'test'])
def test_a_head_with_too_few_classes(stage):
    loader = SimpleNamespace(dataset=dataset_of('ant', 'bee', 'cat'))
    runner = SimpleNamespace(
        model=wrapped(wrapped(model_of(2))), **{f'{stage}_dataloader': loader}
    )
    hook = HOOKS.build({'type': 'ClassCountHook'})
    with pytest.raises(
        ValueError, match=r"num_classes=2, but .* 3 classes, 'ant' to 'cat'"
    ):
        getattr(hook, f'before_{stage}')(runner)


def test_what_is_let_through():
    check_class_count(model_of(3), dataset_of('ant', 'bee', 'cat'))
    check_class_count(model_of(4), dataset_of('ant', 'bee', 'cat'))
    check_class_count(nn.Linear(1, 1), dataset_of('ant'))
    check_class_count(model_of(1), SimpleNamespace(metainfo={}))
    check_class_count(model_of(1), object())


@pytest.mark.parametrize('classes', [['ant'], ['ant', 'bee']])
def test_one_class_teaches_nothing(classes):
    warnings = []
    runner = SimpleNamespace(
        model=model_of(2),
        train_dataloader=SimpleNamespace(dataset=dataset_of(*classes)),
        logger=SimpleNamespace(warning=warnings.append),
    )
    HOOKS.build({'type': 'ClassCountHook'}).before_train(runner)
    assert len(warnings) == (len(classes) == 1)
    if warnings:
        assert "one class, 'ant'" in warnings[0]
        assert 'nothing is learned' in warnings[0]
