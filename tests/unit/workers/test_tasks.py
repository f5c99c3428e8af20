"""Messages are accepted, dropped or sent back, before and after the pipeline."""

import pytest
from celery.exceptions import Reject

from hkplates.jobs import Chunk, ImageRef
from workers import tasks

CHUNK = Chunk((ImageRef(1, "s3", "car-park", "a.jpg", "e"),))


class Recorder:
    """A pipeline that records its chunks, or raises."""

    def __init__(self, error: Exception | None = None) -> None:
        self.given: list[tuple[Chunk, bool]] = []
        self.error = error

    def process(self, chunk: Chunk, *, one_at_a_time: bool) -> None:
        self.given.append((chunk, one_at_a_time))
        if self.error:
            raise self.error


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    monkeypatch.setenv("DATABASE_URL", "postgresql://somewhere/db")  # Celery reads its settings
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://somewhere/0")
    recorder = Recorder()
    monkeypatch.setattr(tasks, "pipeline", lambda: recorder)
    monkeypatch.setattr(tasks, "pause_at_random", lambda: None)
    return recorder


@pytest.mark.parametrize("message", [None, "rubbish", [], {}, {"version": 1, "images": []}])
def test_a_message_that_is_not_ours_is_dropped(recorder: Recorder, message: object) -> None:
    tasks.recognise_chunk.run(message)
    tasks.recognise_chunk.run(message, "and", more="than asked for")
    assert recorder.given == []


def test_a_message_becomes_its_chunk(recorder: Recorder) -> None:
    tasks.recognise_chunk.run(CHUNK.to_message())
    assert recorder.given == [(CHUNK, False)]


@pytest.mark.parametrize("error", [RuntimeError("a fault of ours"), MemoryError()])
def test_a_message_that_breaks_the_pipeline_goes_back_to_the_queue(
    recorder: Recorder, error: Exception
) -> None:
    recorder.error = error
    with pytest.raises(Reject) as rejected:
        tasks.recognise_chunk.run(CHUNK.to_message())
    assert rejected.value.requeue


def test_a_message_that_comes_back_is_worked_one_image_at_a_time(recorder: Recorder) -> None:
    task = tasks.recognise_chunk
    task.push_request(delivery_info={"redelivered": True})
    try:
        task.run(CHUNK.to_message())
    finally:
        task.pop_request()
    assert recorder.given == [(CHUNK, True)]
