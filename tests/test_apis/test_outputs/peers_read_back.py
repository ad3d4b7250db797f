# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Read results with the libraries of the tools that they are written for.

Run by another Python, which has them and nothing of this project:
``python -m venv peers && peers/bin/pip install datumaro label-studio-sdk``.
"""

import json
import sys
from pathlib import Path

from datumaro.components.dataset import Dataset
from label_studio_sdk.converter import Converter


def read_datumaro(path: Path, kind: str) -> dict:
    dataset = Dataset.import_from(str(path), kind)
    names = [c.name for c in next(iter(dataset.categories().values()))]
    return {
        f'{"" if kind == "cvat" else item.subset + "/"}{item.id}': [
            [names[a.label], *a.points] for a in item.annotations
        ]
        for item in dataset
    }


def read_label_studio(folder: Path) -> dict:
    """As after a person has accepted all predictions."""
    tasks = json.loads((folder / 'label_studio.json').read_text())
    for number, task in enumerate(tasks, 1):
        task['id'] = number
        task['annotations'] = [
            dict(prediction, id=number, completed_by=1)
            for prediction in task.pop('predictions')
        ]
    corrected = folder / 'corrected.json'
    corrected.write_text(json.dumps(tasks))
    interface = (folder / 'label_studio_config.xml').read_text()
    converter = Converter(interface, project_dir=str(folder))
    converter.convert_to_coco(
        str(corrected), str(folder / 'exported'), is_dir=False
    )
    return json.loads((folder / 'exported' / 'result.json').read_text())


if __name__ == '__main__':
    out = Path(sys.argv[1])
    print(
        json.dumps(
            dict(
                cvat=read_datumaro(out / 'cvat.xml', 'cvat'),
                yolo=read_datumaro(out / 'yolo', 'yolo'),
                label_studio=read_label_studio(out),
            )
        )
    )
