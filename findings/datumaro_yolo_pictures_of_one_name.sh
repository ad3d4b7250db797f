#!/usr/bin/env bash
# Datumaro gives a YOLO label the size of any picture of its name nearby.
#
# The guess: the reader of format 'yolo' takes labels/a.txt together with
# images/a.png, as the layout says, whatever else lies beside. But where another
# folder of the data set holds a picture of the same name, drawings of the boxes
# for instance, that one can be taken: of another size it moves the boxes, which
# YOLO writes as shares of the picture. No warning is printed.
#
# Seen with datumaro 1.13.12 on Python 3.11, for a picture of 100x80 pixels and
# a drawing of 400x80:
#   images alone: 100x80, box x, y, w, h: [40.0, 20.0, 20.0, 40.0]
#   drawings beside: 400x80, box x, y, w, h: [160.0, 20.0, 80.0, 40.0]
# Exits with 1 if that is no longer so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q datumaro==1.13.12 numpy==2.2.6 pillow==12.3.0
cd "$folder"
venv/bin/python - <<'PYTHON'
import sys
from pathlib import Path

from datumaro import Dataset
from PIL import Image


def write_picture(file, width):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new('RGB', (width, 80)).save(file)


def read(root):
    (item,) = Dataset.import_from(str(root), 'yolo')
    (box,) = item.annotations
    height, width = item.media.size
    return f'{width}x{height}', [box.x, box.y, box.w, box.h]


seen = {}
for name in ('images alone', 'drawings beside'):
    root = Path(name.replace(' ', '_'))
    write_picture(root / 'images' / 'a.png', 100)
    (root / 'labels').mkdir()
    (root / 'labels' / 'a.txt').write_text('0 0.5 0.5 0.2 0.5\n')
    (root / 'data.yaml').write_text(
        'train: images\nval: images\nnames: {0: bird}\n'
    )
    if name == 'drawings beside':
        write_picture(root / 'drawings' / 'a.png', 400)
    seen[name] = read(root)
    print(f'{name}: {seen[name][0]}, box x, y, w, h: {seen[name][1]}')
expected = {
    'images alone': ('100x80', [40.0, 20.0, 20.0, 40.0]),
    'drawings beside': ('400x80', [160.0, 20.0, 80.0, 40.0]),
}
sys.exit(0 if seen == expected else 1)
PYTHON
