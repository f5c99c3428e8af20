"""Open what a command needs that sees a submission to its end."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TypeVar

import sqlalchemy as sa

from cli.submissions.progress_bar import open_progress
from hkplates.database.ledger.dispatch import Dispatch
from hkplates.settings import Settings
from hkplates.signals import interruptible
from producer.broker import RedisBroker
from producer.dispatcher import Dispatcher
from producer.stall import StallWatch
from producer.submission_run import SubmissionRun

AnyRun = TypeVar("AnyRun", bound=SubmissionRun)


@contextmanager
def opened_run(
    kind: type[AnyRun], engine: sa.Engine, broker_url: str, settings: Settings
) -> Iterator[AnyRun]:
    """A run with a queue to fill and a screen to show it on; `kill` ends it as Ctrl-C does.

    Raises:
        BrokerUnreachable: Redis does not answer.
    """
    with closing(RedisBroker(broker_url)) as broker:
        broker.queue_length()  # ask before anything is begun that could not go on
        dispatcher = Dispatcher(
            Dispatch(engine),
            broker,
            settings.chunk_images,
            settings.window_chunks,
            settings.lease_seconds,
            settings.visibility_seconds,
        )
        stalls = StallWatch(settings.stall_minutes)
        with closing(open_progress()) as progress, interruptible():
            yield kind(engine, dispatcher, progress, settings.patience_seconds, stalls)
