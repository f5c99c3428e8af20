"""How often something may be done: a sliding window for each who does it, in bounded memory."""

import ipaddress
import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable


class SlidingWindow:
    """At most `most` times in any `seconds`, for each key; usable from several threads.

    Remembers `keys` keys: of more, those that were used longest ago are forgotten.
    """

    def __init__(
        self,
        limit: int,
        seconds: float,
        *,
        max_keys: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit, self._seconds, self._max_keys, self._clock = limit, seconds, max_keys, clock
        self._times: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def try_acquire(self, key: str) -> int:
        """Do it once more: 0, or after how many seconds it may be tried again."""
        now = self._clock()
        with self._lock:
            times = self._times.setdefault(key, deque())
            self._times.move_to_end(key)
            while len(self._times) > self._max_keys:
                self._times.popitem(last=False)
            while times and times[0] <= now - self._seconds:
                times.popleft()
            if len(times) < self._limit:
                times.append(now)
                return 0
            return max(1, math.ceil(times[0] + self._seconds - now))

    def reset(self, key: str) -> None:
        """Begin anew with a key."""
        with self._lock:
            self._times.pop(key, None)


def client_network(address: str | None) -> str:
    """What one person can ask from: an address, and of IPv6 the network of 64 bits that a
    household has."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return address or "nowhere"
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))
