"""Counts deliveries of messages in the workers' logs."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RECEIVED = re.compile(r"Task \S+\[(?P<task>[^\]]+)\] received")


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Counts of messages as workers received them, and of what became of their images."""

    messages: int
    """Chunks received, duplicates included."""
    duplicates: int
    """Those among them that had been received before: sent again, duplicated, or given back."""
    skipped: int
    """Images in them that were another's, or had ended before: not read again."""
    handed_back: int
    """Images given back because a service was away."""
    dropped: int
    """Messages that were none of ours."""


def deliveries(logs: Iterable[Path]) -> Deliveries:
    """Counts deliveries in the logs of all workers."""
    tasks: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    for entry in _entries(logs):
        event = str(entry.get("event", ""))
        if received := RECEIVED.match(event):
            tasks[received["task"]] += 1
        elif event == "chunk_done":
            sums["skipped"] += entry.get("skipped", 0)
            sums["handed_back"] += entry.get("handed_back", 0)
        elif event == "message_dropped":
            sums["dropped"] += 1
    return Deliveries(
        tasks.total(),
        tasks.total() - len(tasks),
        sums["skipped"],
        sums["handed_back"],
        sums["dropped"],
    )


def _entries(logs: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """Yields lines that are events; a killed process leaves half a line."""
    for log in logs:
        for line in log.read_text(errors="replace").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict):
                yield entry
