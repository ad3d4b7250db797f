# Copyright (c) SCM-WSOL contributors. All rights reserved.
import pytest

from projects.scm.datasets.annotations import (
    AnnotationTable,
    read_voc_boxes,
    read_voc_xml,
)

OBJECT = """
  <object><name>n01751748</name><pose>Unspecified</pose>
    <bndbox><xmin>111</xmin><ymin>108</ymin><xmax>441</xmax><ymax>193</ymax>
    </bndbox></object>"""
XML = f"""<annotation>
  <folder>val</folder><filename>ILSVRC2012_val_00000001</filename>
  <size><width>500</width><height>375</height><depth>3</depth></size>
  {OBJECT}{OBJECT.replace('111', '1')}
</annotation>
"""


@pytest.fixture
def xml_folder(tmp_path):
    folder = tmp_path / 'Annotations'
    (folder / 'n01').mkdir(parents=True)
    (folder / 'a.xml').write_text(XML)
    (folder / 'n01' / 'b.xml').write_text(XML.replace('441', '442'))
    return folder


def test_read_voc_xml(xml_folder):
    annotation = read_voc_xml(str(xml_folder / 'a.xml'))
    assert annotation.size == (500, 375)
    assert annotation.boxes == [(111, 108, 441, 193), (1, 108, 441, 193)]
    assert annotation.names == ['n01751748', 'n01751748']


def test_read_voc_boxes(xml_folder):
    """Files are found by name in subfolders, wherever images lie."""
    paths = ['val/n01751748/b.JPEG', 'a.JPEG']
    boxes, sizes = read_voc_boxes(paths, str(xml_folder))
    table = AnnotationTable(paths, [3, 4], boxes, sizes)
    assert table[0]['instances'] == [
        {'bbox': [111, 108, 442, 193], 'bbox_label': 3, 'ignore_flag': 0},
        {'bbox': [1, 108, 442, 193], 'bbox_label': 3, 'ignore_flag': 0},
    ]
    assert table[1]['width'] == 500
    assert table[1]['height'] == 375


@pytest.mark.parametrize(
    ('old', 'new', 'message'),
    [
        ('</annotation>', '', r'a\.xml, line \d+, column \d+: not XML'),
        (
            '<annotation>',
            '<?xml version="1.0" encoding="odd"?><annotation>',
            r'a\.xml: not XML \(unknown encoding: odd\)',
        ),
        ('<width>500</width>', '', r"a\.xml: size: width '' is not an int"),
        ('<width>500', '<width>?', r"a\.xml: size: width '\?' is not an in"),
        ('<xmin>1<', '<xmin>441<', r'a\.xml, box 2 .* no area'),
        ('<ymax>193', '<ymax>0', r'a\.xml, box 1 .* second corner'),
        ('<ymax>193</ymax>', '', r'a\.xml, object 1: there is no <bndbox><y'),
    ],
)
def test_errors(xml_folder, old, new, message):
    assert old in XML
    (xml_folder / 'a.xml').write_text(XML.replace(old, new, 1))
    with pytest.raises(ValueError, match=message):
        read_voc_boxes(['a.JPEG'], str(xml_folder))


def test_names_must_differ(xml_folder):
    with pytest.raises(
        ValueError, match=r'images n1/a.JPEG and n2/a.jpg have'
    ):
        read_voc_boxes(['n1/a.JPEG', 'n2/a.jpg'], str(xml_folder))
    (xml_folder / 'n01' / 'a.xml').write_text(XML)
    with pytest.raises(ValueError, match=r'files .*a\.xml have one name'):
        read_voc_boxes(['a.JPEG'], str(xml_folder))


def test_missing(xml_folder, tmp_path):
    with pytest.raises(FileNotFoundError, match='no such folder; expected'):
        read_voc_boxes(['a.JPEG'], str(tmp_path / 'nothing'))
    with pytest.raises(
        FileNotFoundError, match=r'no XML file for 2 of 3 images, .* c\.xml'
    ):
        read_voc_boxes(['a.JPEG', 'c.JPEG', 'd.JPEG'], str(xml_folder))
    (xml_folder / 'a.xml').write_text(XML.replace('object>', 'thing>'))
    with pytest.raises(ValueError, match='no object with a box'):
        read_voc_boxes(['a.JPEG'], str(xml_folder))
