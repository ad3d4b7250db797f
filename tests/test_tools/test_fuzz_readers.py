# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Files damaged at random are read, or refused by name."""

import pickle
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@pytest.fixture(scope='module')
def fuzzer(repo):
    before = list(sys.path)
    sys.path.insert(0, str(repo / 'tools' / 'benchmarks'))
    import fuzz_readers

    yield fuzz_readers
    sys.path[:] = before


@pytest.fixture(scope='module')
def readings(fuzzer, tmp_path_factory):
    return fuzzer.Readings(tmp_path_factory.mktemp('files'))


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_damaged_files(fuzzer, readings, data):
    files = [(n, f) for n, files in fuzzer.seeds().items() for f in files]
    name, file = data.draw(st.sampled_from(files))
    limits = (fuzzer.PLACES, fuzzer.LENGTHS, fuzzer.KINDS - 1, 255)
    edit = st.tuples(*(st.integers(0, limit) for limit in limits))
    edits = data.draw(st.lists(edit, min_size=1, max_size=4))
    content = fuzzer.damage(fuzzer.seeds()[name][file], edits)
    assert readings.read(name, file, content) is None


@pytest.mark.parametrize(
    ('name', 'file', 'content'),
    [
        # Asks to remember something as number 2**28, in 4 GB.
        ('predictions', '4.pkl', b'\x80\x02]r\x00\x00\x00\x10.'),
        (
            'predictions',
            '4.pkl',
            b'cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R.',
        ),
        ('predictions', '4.pkl', b'cnumpy\nndarray\nJ\xff\xff\xff\x7f\x85R.'),
        # A damaged storage: PyTorch's advice is not for who reads results.
        (
            'predictions',
            '5.pkl',
            b'ctorch.storage\n_load_from_bytes\nC\x04\x80\x02\x02.\x85R.',
        ),
        # Says that it holds 3 GB.
        (
            'predictions',
            '5.pkl',
            b'\x80\x05\x96' + (3 << 30).to_bytes(8, 'little') + b'.',
        ),
        ('predictions', '4.pkl', b'\x80\x02c__builtin__\nset\n.'),
        ('predictions', '2.pkl', pickle.dumps([{1: 2, 'a': 3}])),
        ('thresholds', 'val.json', b'[' * 100_000),
        ('thresholds', 'labels.json', b'[' * 100_000),
    ],
)
def test_small_files_are_refused(fuzzer, readings, name, file, content):
    assert readings.read(name, file, content) is None
    assert readings.outcomes[name, 'refused'] > 0


def test_a_field_of_another_type_is_refused(fuzzer, readings):
    [item] = pickle.loads(fuzzer.seeds()['predictions']['2.pkl'])
    content = pickle.dumps([{**item, 'ori_shape': ((30,), 40)}], 2)
    assert readings.read('predictions', '2.pkl', content) is None


def test_a_checkpoint_of_no_text_is_named(fuzzer, readings):
    content = fuzzer.seeds()['checkpoints']['legacy.pth']
    broken = content.replace(b'head.bias', b'head.\xff\xff\xff\xff')
    assert broken != content
    assert readings.read('checkpoints', 'legacy.pth', broken) is None
