# Copyright (c) SCM-WSOL contributors. All rights reserved.
import re

import pytest

from projects.scm.datasets.annotations.text_fields import (
    check_different,
    parse_box,
    parse_label,
    parse_lines,
    read_lines,
)


@pytest.mark.parametrize(
    ('content', 'expected'),
    [
        (b'a\nb\n', ['a', 'b']),
        (b'a\nb', ['a', 'b']),
        (b'a\r\nb\r\n\r\n', ['a', 'b']),
        (b'\xef\xbb\xbfa b \nc\t\r\n \n', ['a b', 'c']),
        ('ä\u2028b\x0bc\n'.encode(), ['ä\u2028b\x0bc']),
    ],
)
def test_read_lines(tmp_path, content, expected):
    (tmp_path / 'x.txt').write_bytes(content)
    assert read_lines(str(tmp_path / 'x.txt')) == expected


def test_read_lines_errors(tmp_path):
    path = tmp_path / 'x.txt'
    with pytest.raises(
        FileNotFoundError, match=r'x\.txt: no such file; a folder holds it'
    ):
        read_lines(str(path), 'a folder holds it')
    path.write_text(' \n\n')
    with pytest.raises(ValueError, match=r'x\.txt: the file is empty'):
        read_lines(str(path))
    path.write_text('a\n  \nb\n')
    with pytest.raises(ValueError, match=r'x\.txt, line 2: the line is empt'):
        read_lines(str(path))
    path.write_bytes(b'\xff\xfe\x00')
    with pytest.raises(ValueError, match=r'x\.txt: not UTF-8 text'):
        read_lines(str(path))
    with pytest.raises(FileNotFoundError, match='no such file'):
        read_lines(str(path / 'below.txt'))


def test_parse_lines_says_where_and_what(tmp_path):
    path = tmp_path / 'x.txt'
    path.write_text('1\n2\nthree\n')
    seen = []
    with pytest.raises(ValueError, match='invalid literal') as info:
        parse_lines(str(path), '<n>', lambda line: seen.append(int(line)))
    assert seen == [1, 2]
    message = str(info.value)
    assert message.startswith(f'{path}, line 3: ')
    assert message.endswith("expected '<n>', found 'three'")


def test_check_different():
    check_different('x.txt', ['a', 'b'])
    with pytest.raises(
        ValueError,
        match=r"x\.txt, line 4: 'b' is listed twice, first in l.* 2",
    ):
        check_different('x.txt', ['a', 'b', 'c', 'b', 'a'])


@pytest.mark.parametrize(
    ('text', 'first', 'classes', 'expected'),
    [('1', 1, 2, 0), ('2', 1, 2, 1), ('0', 0, 2, 0), ('999', 0, None, 999)],
)
def test_parse_label(text, first, classes, expected):
    assert parse_label(text, first, classes) == expected


@pytest.mark.parametrize(
    ('text', 'first', 'classes', 'message'),
    [
        ('0', 1, 2, 'label 0 is out of range, expected 1 to 2'),
        ('3', 1, 2, 'label 3 is out of range, expected 1 to 2'),
        ('2', 0, 2, 'label 2 is out of range, expected 0 to 1'),
        ('-1', 0, None, 'label -1 is out of range, expected at least 0'),
        ('dog', 0, 2, "label 'dog' is not an integer"),
        ('1.0', 0, 2, "label '1.0' is not an integer"),
        ('', 0, 2, "label '' is not an integer"),
    ],
)
def test_parse_label_errors(text, first, classes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_label(text, first, classes)


def test_parse_box():
    assert parse_box(['1', '2', '3', '4'], None, xywh=False) == (1, 2, 3, 4)
    assert parse_box(['1', '2', '3', '4'], None, xywh=True) == (1, 2, 4, 6)
    assert parse_box(['0', '0', '9', '8'], (9, 8), xywh=False) == (0, 0, 9, 8)
    # Over the edge: cut and counted once the image is read.
    assert parse_box(['-1', '0', '9', '9'], (9, 8), xywh=False) == (
        -1,
        0,
        9,
        9,
    )


@pytest.mark.parametrize(
    ('fields', 'size', 'xywh', 'message'),
    [
        (['1', '2', '3'], None, False, 'are not four numbers'),
        (['1', '2', '3', '4', '5'], None, False, 'are not four numbers'),
        (['1', '2', '3', 'x'], None, False, 'are not four numbers'),
        (['1', '2', '1', '4'], None, False, 'no area'),
        (['1', '2', '3', '0'], None, True, 'no area'),
        (['5', '2', '3', '4'], None, False, 'second corner before the first'),
        (['-1', '2', '0', '4'], None, False, 'outside its image'),
        (['1', '2', 'nan', '4'], None, False, 'not finite'),
        (['1', '2', 'inf', '4'], None, False, 'not finite'),
        (['1', '2', 'inf', '4'], (9, 9), False, 'not finite'),
        (['9', '2', '10', '4'], (9, 9), False, 'outside its image of 9x9'),
        (['1', '9', '3', '10'], (9, 9), False, 'outside its image of 9x9'),
        (['-1', '2', '0', '4'], (9, 9), False, 'outside its image of 9x9'),
        (['0', '0', '.5', '1'], (9, 9), False, 'shares of its sides'),
    ],
)
def test_parse_box_errors(fields, size, xywh, message):
    with pytest.raises(ValueError, match=message):
        parse_box(fields, size, xywh=xywh)
