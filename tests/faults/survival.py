"""Decodes each file of the corpus, and measures outcome, memory and time.

Each is decoded in a process of its own, forked from one that has loaded the decoders, under the
limits of a worker's child. Run by itself it prints one line of JSON for each file.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

MEMORY = 1280 * 2**20
"""Bytes of memory that decoding one file may take beyond what the process had before."""

SECONDS = 10
"""Seconds of processor time that decoding one file may take."""

MAX_PIXELS = 120_000_000


@dataclass(frozen=True, slots=True)
class DecodeOutcome:
    """The outcome of one file. `reason` is empty where it was read; `fault` where all is well."""

    name: str
    reason: str
    detail: str
    fault: str
    mebibytes: int
    seconds: float


def decode_all(folder: Path) -> list[DecodeOutcome]:
    """Decodes every file below a folder, each in a process of its own; in the order of names."""
    here = Path(__file__).parents[2]
    quiet = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.survival", str(folder)],
        cwd=here,
        env=quiet,
        check=True,
        capture_output=True,
        text=True,
        timeout=550,
    )
    return [DecodeOutcome(**json.loads(line)) for line in done.stdout.splitlines()]


def format_table(found: list[DecodeOutcome]) -> str:
    """Formats a table of outcomes by the kind of file and by reason."""
    reasons = sorted({outcome.fault or outcome.reason or "read" for outcome in found})
    kinds = list(dict.fromkeys(outcome.name.partition("/")[0] for outcome in found))
    counts = Counter(
        (outcome.name.partition("/")[0], outcome.fault or outcome.reason or "read")
        for outcome in found
    )
    rows = [["", *reasons, "all"]]
    for kind in kinds:
        row = [counts[kind, reason] for reason in reasons]
        rows.append([kind, *map(str, row), str(sum(row))])
    totals = [sum(counts[kind, reason] for kind in kinds) for reason in reasons]
    rows.append(["all", *map(str, totals), str(len(found))])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.rjust(wide) for cell, wide in zip(row, widths, strict=True)) for row in rows
    ]
    greedy, slow = (
        max(found, key=lambda outcome: outcome.mebibytes),
        max(found, key=lambda outcome: outcome.seconds),
    )
    return "\n".join(
        [
            *lines,
            f"most memory: {greedy.mebibytes} MiB for {greedy.name}",
            f"most time: {slow.seconds:.1f} s of a processor for {slow.name}",
        ]
    )


def main(folder: Path | None, seed: int) -> None:
    """Decodes a folder, else the whole corpus, and prints the table."""
    from .corpus import write_to

    if folder is not None:
        print(format_table(decode_all(folder)))  # noqa: T201
        return
    with tempfile.TemporaryDirectory() as made:
        write_to(Path(made), seed)
        print(format_table(decode_all(Path(made))))  # noqa: T201


def _decode_each(folder: Path) -> None:
    """Decodes every file in a forked child under limits; prints one line of JSON for each."""
    from hkplates.errors import ImageRejected
    from hkplates.recognition.images.decode import decode

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read_end)
            _limit_resources()
            reason = detail = fault = ""
            try:
                decode(path.read_bytes(), max_pixels=MAX_PIXELS)
            except ImageRejected as error:
                reason, detail = error.reason, str(error)
            except BaseException as error:  # noqa: BLE001  (whatever it is, it is what is looked for)
                fault = f"{type(error).__name__}: {error!s:.200}"
            os.write(write_end, json.dumps([reason, detail[:500], fault]).encode())
            os._exit(0)
        os.close(write_end)
        with os.fdopen(read_end, "rb") as pipe:
            written = pipe.read()
        _, status, used = os.wait4(child, 0)
        ended = f"ended with {os.waitstatus_to_exitcode(status)}"
        reason, detail, fault = json.loads(written) if written else ("", "", ended)
        mebibytes = max(0, used.ru_maxrss - before) // 1024
        seconds = round(used.ru_utime + used.ru_stime, 2)
        name = str(path.relative_to(folder))
        print(json.dumps(asdict(DecodeOutcome(name, reason, detail, fault, mebibytes, seconds))))  # noqa: T201


def _limit_resources() -> None:
    """Limits memory and time far beyond what is allowed, so that too much is seen, not refused."""
    most = 3 * 2**30
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (2 * SECONDS, 2 * SECONDS))


if __name__ == "__main__":
    _decode_each(Path(sys.argv[1]))
