"""Redis and the producer hold the same however much is submitted: the short `make bench-queue`."""

from benchmarks.queue_memory import WINDOW_CHUNKS, measure


def test_four_times_the_images_take_no_more_memory(database_url: str, broker_url: str) -> None:
    first, last = measure(database_url, broker_url, (5_000, 20_000))
    assert (first.listed, last.listed) == (5_000, 20_000)
    assert max(first.waiting, last.waiting) <= WINDOW_CHUNKS
    assert last.redis_bytes / first.redis_bytes < 1.1
    assert last.producer_bytes / first.producer_bytes < 1.1
