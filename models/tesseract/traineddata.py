"""Builds Tesseract's data without a network: its characters and their encoding."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from hkplates.recognition.reading.tesseract.bundle import LANGUAGE
from hkplates.recognition.reading.tesseract.voting import NO_ROW

# I and O are printed on personalised plates; no plate has a Q.
CHARACTERS = "0123456789ABCDEFGHIJKLMNOPRSTUVWXYZ" + NO_ROW


def write_starter(folder: Path) -> Path:
    """Writes the traineddata that training starts from, with no dictionary; returns its path."""
    scripts = folder / "scripts"
    scripts.mkdir(parents=True, exist_ok=True)
    # Strokes of Chinese characters, of which there are none here; the file has to exist.
    (scripts / "radical-stroke.txt").write_text("# none\n", encoding="utf-8")
    (folder / "characters.txt").write_text("\n".join(CHARACTERS) + "\n", encoding="utf-8")
    run_checked("unicharset_extractor", "--norm_mode", "1", "--output_unicharset",
                folder / "unicharset", folder / "characters.txt")  # fmt: skip
    run_checked("combine_lang_model", "--input_unicharset", folder / "unicharset", "--script_dir",
                scripts, "--output_dir", folder, "--lang", LANGUAGE,
                "--pass_through_recoder")  # fmt: skip
    return folder / LANGUAGE / f"{LANGUAGE}.traineddata"


def run_checked(*command: str | Path) -> str:
    """Runs one of Tesseract's tools and returns what it wrote to both outputs.

    Raises:
        SystemExit: the tool is missing or failed; the message ends with its last lines.
    """
    done = run_tool([str(part) for part in command])
    if done.returncode:
        raise SystemExit(f"{command[0]} failed:\n{done.stdout[-2000:]}")
    return done.stdout


def run_tool(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """Runs one of Tesseract's tools to its end, and returns it whatever its status.

    Raises:
        SystemExit: the tool is missing.
    """
    try:
        return subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
    except FileNotFoundError:
        raise SystemExit(
            f"{command[0]} is not on PATH; it comes with Debian's tesseract-ocr."
        ) from None
