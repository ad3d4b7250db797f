# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Results as pre-annotations of Label Studio."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from projects.scm.utils import write_file

from .writer import WholeFileWriter, instances, picture_name, save_frame

#: Names of the control and of the object in the labelling interface.
FROM_NAME, TO_NAME = 'label', 'image'
#: How Label Studio addresses files of its local storage.
LOCAL_FILES = '/data/local-files/?d='


class LabelStudioWriter(WholeFileWriter):
    """Writes ``label_studio.json`` and ``label_studio_config.xml``.

    The first is imported as tasks, whose ``predictions`` are what a person
    corrects; the second is the labelling interface that they belong to.
    Boxes are percentages of the picture. ``data.image`` addresses the
    picture by its relative name in Label Studio's local storage
    (``LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT`` is the common folder of the
    pictures). The form is that of Label Studio's documentation of
    pre-annotations.
    """

    entries = ('label_studio.json', 'label_studio_config.xml', 'frames')

    def take(self, result: dict) -> dict[str, Any]:
        """The task with its prediction."""
        name = picture_name(result)
        save_frame(result, self.folder / name)
        width, height = result['width'], result['height']
        regions = []
        for i, (box, label, score, _) in enumerate(instances(result)):
            x0, y0, x1, y1 = box
            value = dict(
                x=100 * x0 / width,
                y=100 * y0 / height,
                width=100 * (x1 - x0) / width,
                height=100 * (y1 - y0) / height,
                rotation=0,
                rectanglelabels=[self.classes[label]],
            )
            regions.append(
                dict(
                    id=f'box{i}',
                    type='rectanglelabels',
                    from_name=FROM_NAME,
                    to_name=TO_NAME,
                    original_width=width,
                    original_height=height,
                    image_rotation=0,
                    score=score,
                    value=value,
                )
            )
        prediction = dict(
            model_version=str(self.info.get('model', 'scm-wsol')),
            score=max((r['score'] for r in regions), default=0.0),
            result=regions,
        )
        return dict(
            data={TO_NAME: LOCAL_FILES + quote(name)}, predictions=[prediction]
        )

    def content(self) -> str:
        """The tasks with all results so far."""
        return json.dumps(self.taken, indent=1)

    def close(self) -> Path:
        """Write both files; return that of the tasks."""
        labels = ''.join(
            f'    <Label value={quoteattr(name)}/>\n' for name in self.classes
        )
        interface = (
            '<View>\n'
            f'  <Image name="{TO_NAME}" value="${TO_NAME}"/>\n'
            f'  <RectangleLabels name="{FROM_NAME}" toName="{TO_NAME}">\n'
            f'{labels}'
            '  </RectangleLabels>\n'
            '</View>\n'
        )
        write_file(self.folder / self.entries[1], interface.encode())
        return super().close()
