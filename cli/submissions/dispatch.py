"""`hkplates dispatch`: keeps the queue filled for all submissions, for as long as it runs."""

import json
import signal
from contextlib import closing

import typer

from cli.context import opened_engine
from hkplates import logs
from hkplates.database.ledger.dispatch import Dispatch
from hkplates.database.queries.backlog import read_backlog
from hkplates.database.schema.revision import require_current_schema
from hkplates.embedded.servers import resolve_urls
from hkplates.exit_status import ExitStatus
from hkplates.formatting import pluralise
from hkplates.settings import Settings
from hkplates.signals import StopSignal
from producer.broker import RedisBroker
from producer.dispatch_service import Cycle, DispatchService, retry_until_stopped
from producer.dispatcher import Dispatcher
from producer.stall import StallWatch


def run_dispatch(settings: Settings, *, once: bool, as_json: bool) -> int:
    """Runs `hkplates dispatch`, with `once` for one cycle; returns the exit status.

    Raises:
        SetupError: the servers or the schema are not set up.
        TemporaryFault: with `once`, a service is away.
    """
    stop = StopSignal()
    stop.install_handlers()
    logs.configure(settings.log_level)
    database_url, broker_url = resolve_urls(settings)
    with opened_engine(database_url) as engine, closing(RedisBroker(broker_url)) as broker:
        ledger = Dispatch(engine)
        dispatcher = Dispatcher(
            ledger,
            broker,
            settings.chunk_images,
            settings.window_chunks,
            settings.lease_seconds,
            settings.visibility_seconds,
            should_stop=lambda: stop.requested,
        )
        service = DispatchService(
            dispatcher.fill,
            ledger.finish_submissions,
            lambda: read_backlog(engine),
            StallWatch(settings.stall_minutes),
            stop,
        )
        if once:
            require_current_schema(engine)
            _print(service.run_cycle(), as_json)
            return ExitStatus.DONE
        retry_until_stopped(lambda: require_current_schema(engine), stop)
        service.run()
    return ExitStatus.INTERRUPTED if stop.signal == signal.SIGINT else ExitStatus.DONE


def _print(done: Cycle, as_json: bool) -> None:
    if as_json:
        filled = done.dispatched
        report = {
            "images": filled.images,
            "messages": filled.messages,
            "leases_expired": filled.expired,
            "messages_lost": filled.lost,
            "finished": list(done.finished),
        }
        typer.echo(json.dumps(report))
        return
    typer.echo(format_cycle(done))


def format_cycle(done: Cycle) -> str:
    """Formats what one cycle did."""
    filled = done.dispatched
    finished = ", ".join(map(str, done.finished)) or "none"
    return (
        f"{pluralise(filled.images, 'image')} sent in {pluralise(filled.messages, 'message')}; "
        f"{pluralise(filled.expired, 'lease')} had run out; submissions finished: {finished}."
    )
