# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Results as pre-annotations of CVAT."""

from xml.etree import ElementTree

from .writer import (
    WholeFileWriter,
    instances,
    link_picture,
    picture_name,
    save_frame,
)


class CvatWriter(WholeFileWriter):
    """Writes ``cvat.xml`` in the form *CVAT for images 1.1*.

    It is uploaded to a task that has the same pictures, under the same
    relative names. Boxes are ``xtl, ytl, xbr, ybr`` in pixels; their
    ``source`` is ``auto``. With masks, outlines stand beside the boxes as
    polygons. The form is that of CVAT's documentation of its XML. The pictures
    are linked in ``images``, where CVAT's exports have them and readers of
    those look for them.
    """

    entries = ('cvat.xml', 'frames', 'images')

    def take(self, result: dict) -> ElementTree.Element:
        """The image with its boxes."""
        name = picture_name(result)
        frame = self.folder / name
        save_frame(result, frame)
        source = frame if frame.exists() else result.get('img_path')
        link_picture(source, self.folder / 'images' / name)
        image = ElementTree.Element(
            'image',
            id=str(len(self.taken)),
            name=name,
            width=str(result['width']),
            height=str(result['height']),
        )
        for box, label, _, polygons in instances(result):
            common = dict(
                label=self.classes[label],
                source='auto',
                occluded='0',
                z_order='0',
            )
            corners = dict(
                zip(
                    ('xtl', 'ytl', 'xbr', 'ybr'),
                    (f'{x:.2f}' for x in box),
                    strict=True,
                )
            )
            ElementTree.SubElement(image, 'box', {**common, **corners})
            for polygon in polygons or ():
                points = ';'.join(
                    f'{x:.2f},{y:.2f}'
                    for x, y in zip(polygon[::2], polygon[1::2], strict=True)
                )
                ElementTree.SubElement(
                    image, 'polygon', {**common, 'points': points}
                )
        return image

    def content(self) -> str:
        """The file with all results so far."""
        root = ElementTree.Element('annotations')
        ElementTree.SubElement(root, 'version').text = '1.1'
        task = ElementTree.SubElement(
            ElementTree.SubElement(root, 'meta'), 'task'
        )
        ElementTree.SubElement(task, 'size').text = str(len(self.taken))
        labels = ElementTree.SubElement(task, 'labels')
        for name in self.classes:
            label = ElementTree.SubElement(labels, 'label')
            ElementTree.SubElement(label, 'name').text = name
            ElementTree.SubElement(label, 'attributes')
        root.extend(self.taken)
        ElementTree.indent(root)
        head = "<?xml version='1.0' encoding='utf-8'?>\n"
        return head + ElementTree.tostring(root, encoding='unicode') + '\n'
