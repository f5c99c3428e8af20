"""Lists the reasons that the ledger records for images that are not read."""

from collections.abc import Mapping
from typing import Literal

from hkplates.errors import ImageRejected

MOST_ATTEMPTS = 3
"""Attempts that a worker may begin at an image; one that never ends is then quarantined."""

FailureCause = Literal["timed_out", "out_of_memory", "crashed"]
"""Causes that break an attempt off; the reason of an image that is quarantined."""

_BEGUN = f"No worker finished it in {MOST_ATTEMPTS} attempts"

QUARANTINE_REASONS: Mapping[str, str] = {
    "timed_out": f"{_BEGUN}, and it ran into the time limit; it was set aside",
    "out_of_memory": f"{_BEGUN}, and it ran into the memory limit; it was set aside",
    "crashed": f"{_BEGUN}; it was set aside",
}
"""A sentence for each failure cause: the detail of an image that is quarantined for it."""

REASONS = sorted({kind.reason for kind in ImageRejected.__subclasses__()} | set(QUARANTINE_REASONS))
"""All reasons of images that failed or are quarantined."""
