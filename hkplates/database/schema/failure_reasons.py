"""Why images are not read: the reasons that the ledger records."""

from collections.abc import Mapping
from typing import Literal

from hkplates.errors import ImageRejected

MOST_ATTEMPTS = 3
"""A worker may begin an image this often; one that never ends is then set aside."""

FailureCause = Literal["timed_out", "out_of_memory", "crashed"]
"""What can break an attempt off; the reason of an image that is quarantined."""

_BEGUN = f"No worker finished it in {MOST_ATTEMPTS} attempts"

QUARANTINE_REASONS: Mapping[str, str] = {
    "timed_out": f"{_BEGUN}, and it ran into the time limit; it was set aside",
    "out_of_memory": f"{_BEGUN}, and it ran into the memory limit; it was set aside",
    "crashed": f"{_BEGUN}; it was set aside",
}
"""Each trouble in a sentence."""

REASONS = sorted({kind.reason for kind in ImageRejected.__subclasses__()} | set(QUARANTINE_REASONS))
"""All that an image can have failed or been set aside for."""
