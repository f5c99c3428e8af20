"""Opens what `submit` and `reprocess` share: broker, dispatcher and progress display."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TypeVar

import sqlalchemy as sa
import typer

from cli.submissions.progress_bar import open_progress
from hkplates.database.ledger.dispatch import Dispatch
from hkplates.exit_status import ExitStatus
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
    """Opens a run with its dispatcher and progress display; SIGTERM interrupts it as Ctrl-C does.

    Raises:
        BrokerUnreachable: Redis does not answer.
        typer.Exit: the run was interrupted.
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
            try:
                yield kind(engine, dispatcher, progress, settings.patience_seconds, stalls)
            except KeyboardInterrupt:
                progress.print_message(
                    "Interrupted. Nothing is lost: the same command goes on from here."
                )
                raise typer.Exit(ExitStatus.INTERRUPTED) from None
