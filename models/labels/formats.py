"""Detects the form of a folder's labels by what its files hold, and reads them."""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from models.labels import coco, cvat, jsonl, label_studio, pascal_voc, yolo
from models.labels.json_files import parse_json
from models.labels.records import LabelError, Record, Unusable
from models.labels.xml_files import parse_xml

NAMES = {
    "voc": "Pascal VOC (LabelImg)",
    "cvat": "CVAT for images",
    "label-studio": "Label Studio JSON",
    "yolo": "YOLO",
    "coco": "COCO",
    "hkplates": "hkplates' own form",
}
"""Forms by the name that --format takes."""

_SUFFIXES = {"voc": ".xml", "cvat": ".xml", "label-studio": ".json", "coco": ".json"}
_SUFFIXES |= {"yolo": ".txt", "hkplates": ".jsonl"}
_YOLO_LINE = re.compile(r"\d+(\.0+)?(\s+-?[\d.eE+-]+){4,}\s*")
_XML_ROOTS = {"annotation": "voc", "annotations": "cvat"}


def read_labels(root: Path, chosen: str | None) -> tuple[str, Iterator[Record]]:
    """Returns the form of a folder's labels and an iterator over what they say.

    Raises:
        LabelError: there are none, or of several forms and none was chosen.
    """
    files = label_files(root)
    by_form = {chosen: _of_form(chosen, files, root)} if chosen else _detected(files, root)
    by_form = {form: paths for form, paths in by_form.items() if paths}
    if not by_form:
        raise LabelError(_nothing_found(root, chosen))
    if len(by_form) > 1:
        counts = ", ".join(f"{NAMES[f]} ({len(p)} files)" for f, p in sorted(by_form.items()))
        choices = " or ".join(f"--format {form}" for form in sorted(by_form))
        raise LabelError(f"{root} holds labels of several forms: {counts}. Say {choices}.")
    form, paths = next(iter(by_form.items()))
    return form, _read(form, paths, root)


def label_files(root: Path) -> list[Path]:
    """Returns the files in a folder that may hold labels, by path; links are not followed."""
    found = [
        Path(folder) / name
        for folder, _, names in os.walk(root, followlinks=False)
        for name in names
        if Path(name).suffix.lower() in set(_SUFFIXES.values())
    ]
    return sorted(path for path in found if not path.is_symlink())


def _read(form: str, paths: Sequence[Path], root: Path) -> Iterator[Record]:
    if form == "yolo":
        return yolo.read(paths, root)
    readers: Mapping[str, Callable[[Sequence[Path]], Iterator[Record]]] = {
        "voc": pascal_voc.read,
        "cvat": cvat.read,
        "label-studio": label_studio.read,
        "coco": coco.read,
        "hkplates": jsonl.read,
    }
    return readers[form](paths)


def _of_form(form: str, files: Sequence[Path], root: Path) -> list[Path]:
    """Returns all files of a form that was chosen, also damaged ones, so that these are told."""
    suffix = [path for path in files if path.suffix.lower() == _SUFFIXES[form]]
    if form == "yolo":
        return [path for path in suffix if path.name.lower() not in yolo.OTHER_FILES]
    other = {"voc": "cvat", "cvat": "voc", "coco": "label-studio", "label-studio": "coco"}
    return [path for path in suffix if _form_of(path, root) != other.get(form, "")]


def _detected(files: Sequence[Path], root: Path) -> dict[str, list[Path]]:
    """Groups files by their form. Damaged ones join the form of the others with their ending."""
    by_form: dict[str, list[Path]] = defaultdict(list)
    damaged: list[Path] = []
    for path in files:
        form = _form_of(path, root)
        if form == "damaged":
            damaged.append(path)
        elif form:
            by_form[form].append(path)
    for path in damaged:
        same = [form for form in by_form if _SUFFIXES[form] == path.suffix.lower()]
        if len(same) == 1:
            by_form[same[0]].append(path)
        elif not by_form:
            by_form["voc" if path.suffix.lower() == ".xml" else "coco"].append(path)
    # Empty files say that no plate is on their photograph, but only beside others.
    if not any(path.stat().st_size for path in by_form.get("yolo", [])):
        by_form.pop("yolo", None)
    return by_form


def _form_of(path: Path, root: Path) -> str:
    """Returns a file's form, "damaged", or "" where it holds no labels."""
    suffix = path.suffix.lower()
    if suffix == ".jsonl":
        return "hkplates"
    if suffix == ".txt":
        return "yolo" if _is_yolo(path) else ""
    try:
        if suffix == ".xml":
            return _XML_ROOTS.get(parse_xml(path).tag, "")
        parsed = parse_json(path)
    except Unusable:
        return "damaged"
    if isinstance(parsed, dict) and {"images", "annotations"} <= parsed.keys():
        return "coco"
    task = parsed[0] if isinstance(parsed, list) and parsed else parsed
    return "label-studio" if isinstance(task, dict) and _is_task(task) else ""


def _is_task(task: Mapping[str, object]) -> bool:
    whole = "data" in task and ("annotations" in task or "completions" in task)
    return whole or ("annotation_id" in task and "annotator" in task)


def _is_yolo(path: Path) -> bool:
    if path.name.lower() in yolo.OTHER_FILES:
        return False
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    return all(_YOLO_LINE.fullmatch(line.strip()) for line in lines[:3] if line.strip())


def _nothing_found(root: Path, chosen: str | None) -> str:
    if any(root.glob("*.zip")):
        return f"{root} holds an archive and no labels beside it: unpack it first."
    expected = NAMES[chosen] if chosen else ", ".join(NAMES.values())
    return f"{root} holds no labels that are known: expected {expected}."
