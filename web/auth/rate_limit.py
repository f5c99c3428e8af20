"""Limits the rate of actions by a sliding window per key, in bounded memory."""

import ipaddress
import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable


class SlidingWindow:
    """Allows at most `limit` actions in any `seconds`, per key; usable from several threads.

    Remembers `max_keys` keys: of more, the least recently used are forgotten.
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
        """Counts one more action and returns 0, or the seconds to wait if the limit is reached."""
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
        """Forgets the actions of a key."""
        with self._lock:
            self._times.pop(key, None)


def client_network(address: str | None) -> str:
    """Returns the addresses of one client: an IPv4 address, or the /64 network of an IPv6 address,
    which a household has."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return address or "nowhere"
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
