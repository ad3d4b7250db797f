# Copyright (c) SCM-WSOL contributors. All rights reserved.
"""Read results with FiftyOne's own importer, which needs no database.

Run by another Python, which has FiftyOne and nothing of this project:
``python -m venv peers && peers/bin/pip install fiftyone``.
"""

import json
import sys

from fiftyone.utils.data.importers import FiftyOneDatasetImporter

# What Dataset.from_dir takes where metadata.json states no version.
importer = FiftyOneDatasetImporter(sys.argv[1])
assert importer._is_legacy_format_data()
with importer._to_legacy_importer() as importer:
    samples = [
        dict(
            filepath=sample.filepath,
            outcome=sample['outcome'],
            boxes=[
                [box.label, box.confidence, *box.bounding_box]
                for box in sample.predictions.detections
            ],
            truth=sample.ground_truth.detections[0].label,
            map_path=sample.heatmap.map_path,
        )
        for sample in importer
    ]
    print(json.dumps(dict(samples=samples, **importer.get_dataset_info())))
