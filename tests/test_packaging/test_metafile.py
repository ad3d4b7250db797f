# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""The model index and the configs tell the same."""

from pathlib import Path

import pytest
import yaml
from mmengine.config import Config
from mmpretrain.apis.model import ModelHub
from mmpretrain.registry import MODELS
from modelindex.load_model_index import load

import projects.scm.register  # noqa: F401

REPO = Path(__file__).resolve().parents[2]
METAFILE = yaml.safe_load((REPO / 'configs' / 'metafile.yml').read_text())
#: Last field of a config's name -> the dataset's name in the index.
DATASETS = {'cub': 'CUB-200-2011', 'in1k': 'ImageNet-1k'}
ENTRIES = {model['Name']: model for model in METAFILE['Models']}


def test_every_config_has_an_entry_and_every_entry_a_config() -> None:
    """Not of trials on small sets, nor of methods beside SCM and TS-CAM."""
    configs = {
        file.stem
        for file in (REPO / 'configs').glob('*.py')
        if file.stem.rpartition('_')[2] in DATASETS
        and file.stem.partition('_')[0] in ('scm', 'tscam')
    }
    assert configs == ENTRIES.keys()
    counted = {n for n, e in ENTRIES.items() if 'FLOPs' in e['Metadata']}
    assert counted == {name for name in ENTRIES if '_deit-' in name}
    for name, entry in ENTRIES.items():
        assert entry['Config'] == f'configs/{name}.py'


def test_entries_are_well_formed() -> None:
    collections = {item['Name']: item for item in METAFILE['Collections']}
    assert collections.keys() == {'SCM', 'TS-CAM'}
    for item in collections.values():
        assert item['Paper'].keys() == {'Title', 'URL'}
        assert item['Code'].keys() == {'URL', 'Version'}
    for name, entry in ENTRIES.items():
        method = {'SCM': 'scm', 'TS-CAM': 'tscam'}[entry['In Collection']]
        assert name.startswith(f'{method}_')
        # no checkpoint of ours exists: a figure without one is the authors'
        assert 'Weights' not in entry
        for result in entry.get('Results', []):
            assert (
                result['Dataset']
                == {
                    'cub': 'CUB-200-2011',
                    'in1k': 'ImageNet-1k',
                }[name.rpartition('_')[2]]
            )
            for metric, value in result['Metrics'].items():
                assert metric.startswith('Published ')
                assert 0 < value < 100


@pytest.mark.parametrize('name', sorted(ENTRIES))
def test_number_of_parameters(name) -> None:
    cfg = Config.fromfile(REPO / ENTRIES[name]['Config'])
    if cfg.model.backbone.type == 'TSCAMTimm':
        pytest.importorskip('timm')
    model = MODELS.build(cfg.model)
    count = sum(parameter.numel() for parameter in model.parameters())
    assert ENTRIES[name]['Metadata']['Parameters'] == count


@pytest.mark.parametrize('name', sorted(n for n in ENTRIES if '_deit-' in n))
def test_number_of_operations(name) -> None:
    """Counted by hand; five a number for a layer norm, as MMEngine does."""
    model = Config.fromfile(REPO / ENTRIES[name]['Config']).model
    width, classes = model.head.in_channels, model.head.num_classes
    patches = 14 * 14
    tokens = patches + 1
    embedding = patches * width * 16 * 16 * 3
    projections = tokens * width**2 * (3 + 1 + 4 + 4)
    attention = 2 * tokens**2 * width
    norms = (2 * 12 + 1) * 5 * tokens * width
    head = patches * 9 * width * classes
    count = embedding + 12 * (projections + attention) + norms + head
    assert ENTRIES[name]['Metadata']['FLOPs'] == count


def test_model_hub_reads_the_index(monkeypatch) -> None:
    """The door that mmpretrain has for the models of others."""
    index = load(str(REPO / 'model-index.yml'))
    assert not index.check(silent=True)
    monkeypatch.setattr(ModelHub, '_models_dict', {})
    ModelHub.register_model_index(REPO / 'model-index.yml', config_prefix=REPO)
    assert ModelHub.has('scm_deit-s_cub')
    found = ModelHub._models_dict['scm_deit-s_cub'].config
    assert Path(found) == REPO / 'configs' / 'scm_deit-s_cub.py'
