#!/usr/bin/env bash
# Label Studio's COCO export of a photograph that EXIF turns has no frame: the size is that of the
# file as it is stored, rectangles are in pixels of the upright picture, and polygons are shares of
# the upright picture times the stored size, so that they fit neither. A program that reads the size
# to tell which way labels are turned, as is right for other tools, turns right rectangles wrong;
# one that takes all as upright shears polygons. The same task as JSON is right.
# Seen with label-studio-sdk 2.1.2 (the converter of Label Studio), Pillow 13.0.0, Python 3.11.
# Exit status 0 while that is so, 1 when it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  label-studio-sdk==2.1.2 pillow==13.0.0

cat >"$folder/export.py" <<'PYTHON'
import json
import sys
from pathlib import Path

from label_studio_sdk.converter import Converter
from PIL import Image

folder = Path(sys.argv[1])
# As phones store an upright photograph of 300 x 400: 400 x 300 and "turn right to show".
stored, upright = (400, 300), (300, 400)
exif = Image.Exif()
exif[0x0112] = 6
(folder / "upload" / "1").mkdir(parents=True)
Image.new("RGB", stored).save(folder / "upload" / "1" / "a.jpg", exif=exif)

CONFIG = """<View><Image name="image" value="$image"/>
<RectangleLabels name="box" toName="image"><Label value="plate"/></RectangleLabels>
<PolygonLabels name="polygon" toName="image"><Label value="plate"/></PolygonLabels></View>"""

# One plate, from 30, 40 to 90, 80 of the upright picture, once as a box and once as a polygon.
box = {"x": 10, "y": 10, "width": 20, "height": 10, "rotation": 0, "rectanglelabels": ["plate"]}
corners = {"points": [[10, 10], [30, 10], [30, 20], [10, 20]], "polygonlabels": ["plate"]}
about = {"to_name": "image", "original_width": upright[0], "original_height": upright[1]}
results = [
    {**about, "id": "1", "from_name": "box", "type": "rectanglelabels", "value": box},
    {**about, "id": "2", "from_name": "polygon", "type": "polygonlabels", "value": corners},
]
annotation = {"id": 1, "completed_by": 1, "was_cancelled": False, "result": results}
task = {"id": 1, "data": {"image": "/data/upload/1/a.jpg"}, "annotations": [annotation]}
(folder / "tasks.json").write_text(json.dumps([task]))

converter = Converter(CONFIG, str(folder), upload_dir=str(folder / "upload"))
converter.convert_to_coco(
    str(folder / "tasks.json"), str(folder / "coco"), str(folder / "coco" / "images"), is_dir=False
)
coco = json.loads((folder / "coco" / "result.json").read_text())
(image,) = coco["images"]
rectangle, polygon = (annotation["bbox"] for annotation in coco["annotations"])
size = (image["width"], image["height"])
print(f"size {size}; the plate as a box {rectangle}, as a polygon {polygon}")
as_seen = rectangle == [30, 40, 60, 40]
sheared = polygon == [40, 30, 80, 30]
sys.exit(0 if size == stored and as_seen and sheared else 1)
PYTHON
"$folder/venv/bin/python" "$folder/export.py" "$folder"
