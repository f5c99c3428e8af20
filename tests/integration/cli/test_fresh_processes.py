"""Tests what a fresh process loads and prints, in processes of their own."""

import subprocess
import sys
from pathlib import Path

BUNDLE = Path(__file__).parents[3] / "models" / "detector" / "bundle"
HEAVY = ("tensorflow", "ai_edge_litert", "cv2", "pytesseract")


def loaded_by(statement: str) -> set[str]:
    script = f"{statement}; import sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_the_command_line_loads_no_runtime_and_no_decoder() -> None:
    modules = loaded_by("import cli.main, cli.context, producer.submit")
    assert modules.isdisjoint(HEAVY)


def test_help_waits_for_neither_database_nor_celery_nor_boto3() -> None:
    assert loaded_by("import cli.main").isdisjoint(
        {*HEAVY, "sqlalchemy", "celery", "boto3", "numpy", "pydantic"}
    )


def test_a_health_check_waits_for_neither_celery_nor_boto3_nor_the_tables() -> None:
    modules = loaded_by("import cli.main, cli.machine.health")
    assert modules.isdisjoint({*HEAVY, "celery", "kombu", "boto3", "numpy"})
    loaded_by("import sys, cli.machine.health; assert 'sqlalchemy.orm' not in sys.modules")


def test_the_litert_detector_needs_no_tensorflow_and_is_quiet():
    code = (
        "import sys; from pathlib import Path; import numpy as np\n"
        "from hkplates.recognition.detection.detector import open_detector\n"
        "found = open_detector(Path(sys.argv[1]), 'litert').detect(np.zeros((60, 80, 3), 'u1'))\n"
        "print(found, 'tensorflow' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(BUNDLE)], capture_output=True, text=True, check=True
    )

    assert run.stdout == "[] False\n"
    assert run.stderr == ""


def test_a_damaged_picture_leaves_nothing_on_standard_error() -> None:
    program = """
import io, sys
from PIL import Image
from hkplates.errors import ImageRejected
from hkplates.recognition.images.decode import decode
picture = Image.effect_noise((200, 150), 90).convert("RGB")
for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
    file = io.BytesIO()
    picture.save(file, kind)
    whole = file.getvalue()
    damaged = bytearray(whole)
    damaged[len(whole) // 2 : len(whole) // 2 + 40] = bytes(40)
    for data in (whole[: len(whole) // 2], bytes(damaged), whole[:30]):
        try:
            decode(data, max_pixels=10**6)
        except ImageRejected:
            pass
print("done")
"""
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", program], capture_output=True, check=False
    )
    assert (done.stdout, done.stderr) == (b"done\n", b"")
