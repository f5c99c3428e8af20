"""What the commands do with the settings: open what they need, call it, print, close."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
import typer

from hkplates.database.engine import current_revision, open_engine, require_current_schema
from hkplates.database.schema.revision import REVISION
from hkplates.embedded import servers as embedded
from hkplates.errors import SettingInvalid
from hkplates.formatting import shown
from hkplates.settings import Settings

if TYPE_CHECKING:
    from producer.sources import Source
    from producer.submit import Report

INTERRUPTED = 130
PIPE_BROKEN = 141
"""As a shell says it of a program that wrote to one that had ended."""
NEXT = "celery -A workers.app worker, and: hkplates submit FOLDER"
SET_ASIDE = (
    "Those set aside were begun three times and never finished; submitting again leaves them "
    "alone. To try them again: hkplates retry"
)


@contextmanager
def opened_engine(url: str) -> Iterator[sa.Engine]:
    """An engine whose connections are closed at the end."""
    engine = open_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


def run_submit(source_text: str, name: str | None, settings: Settings, *, as_json: bool) -> int:
    """`hkplates submit`; the exit status."""
    from producer.sources import parse_source

    source = parse_source(source_text)
    database_url, broker_url = embedded.resolve_urls(settings)
    with opened_engine(database_url) as engine:
        # Ask everyone first, so that nothing is begun that could not go on.
        require_current_schema(engine)
        report = _submit(source, name, engine, broker_url, settings)
    if report is None:
        return INTERRUPTED
    typer.echo(json.dumps(report.as_json()) if as_json else describe(report.as_json()))
    return report.exit_code


def _submit(
    source: "Source", name: str | None, engine: sa.Engine, broker_url: str, settings: Settings
) -> "Report | None":
    """Run it to its end; None where it was interrupted."""
    # Only here: Celery and boto3 take half a second to import, which no other command needs.
    from hkplates.storage.stores import open_stores
    from producer.listing import Batches
    from producer.submission_run import opened_run
    from producer.submit import Submit

    with opened_run(Submit, engine, broker_url, settings) as run:
        store = open_stores()[source.store]
        try:
            return run.run(source, name, lambda after: Batches(store, source, after=after))
        except KeyboardInterrupt:
            run.progress.say("Interrupted. Nothing is lost: the same command goes on from here.")
            return None


def describe(report: dict[str, Any]) -> str:
    """The report of a submission in words."""
    images = report["images"]
    known = f"{report['known']:,} listed before, " if report["known"] else ""
    taken = (
        f"{report['taken_over']:,} taken over from other submissions, "
        if report["taken_over"]
        else ""
    )
    lines = [
        f"Submission {report['submission']} of {report['source']}"
        f"{' (continued)' if report['resumed'] else ''}: {report['listed']:,} listed, "
        f"{known}{taken}{report['new']:,} new, {report['retried']:,} tried again, "
        f"{report['skipped']:,} skipped (already submitted and unchanged).",
        f"{images['done']:,} done with {report['plates']:,} plates, "
        f"{images['failed']:,} failed, {images['quarantined']:,} set aside, "
        f"in {report['seconds']:,.1f} s.",
    ]
    if report["reasons"]:
        lines.append("Not read: " + reasons_in_words(report["reasons"]) + ".")
        lines.append(f"Which and why: hkplates failures {report['submission']}")
    if images["failed"]:
        lines.append("Submit the same source again to try the failed ones once more.")
    if images["quarantined"]:
        lines.append(SET_ASIDE)
    return "\n".join(lines)


def reasons_in_words(reasons: dict[str, int]) -> str:
    """3 missing, 1 empty"""
    return ", ".join(f"{count:,} {reason}" for reason, count in reasons.items())


def run_migrate(settings: Settings, writer_login: str | None, *, as_json: bool) -> int:
    """`hkplates migrate`; the exit status."""
    from hkplates.database.schema.migrate import migrate
    from hkplates.database.schema.writer_login import make_writer_login, require_login_name

    password = ""
    if writer_login is not None:
        require_login_name(writer_login)
        password = _writer_password(settings)
    with opened_engine(embedded.resolve_database_url(settings)) as engine:
        migrated = migrate(engine)
        if writer_login is not None:
            make_writer_login(engine, writer_login, password)
    if as_json:
        told = {"before": migrated.before, "after": migrated.after, "writer_login": writer_login}
        typer.echo(json.dumps(told))
        return 0
    if migrated.before == migrated.after:
        typer.echo(f"The database is at migration {migrated.after} already.")
    else:
        typer.echo(f"The database is now at migration {migrated.after}.")
    if writer_login is not None:
        typer.echo(f"The login {shown(writer_login)} may read and write rows.")
    return 0


def _writer_password(settings: Settings) -> str:
    if settings.writer_password is None:
        raise SettingInvalid("HKPLATES_WRITER_PASSWORD is not set; it is the new login's password")
    return settings.writer_password.get_secret_value()


def run_up(settings: Settings, *, as_json: bool) -> int:
    """`hkplates up`; the exit status."""
    servers = embedded.start(settings.data_folder)
    if as_json:
        # The broker's URL holds its password; every command finds it by the data folder.
        typer.echo(
            json.dumps({"data": str(settings.data_folder), "database_url": servers.database_url})
        )
        return 0
    following = NEXT if _is_migrated(servers.database_url) else "hkplates migrate"
    typer.echo(f"PostgreSQL and Valkey run under {settings.data_folder}. Next: {following}")
    if named := _named(settings):
        typer.echo(f"They are not used for what {named} names, which is set and wins; unset it.")
    return 0


def _is_migrated(database_url: str) -> bool:
    with opened_engine(database_url) as engine, engine.connect() as connection:
        return current_revision(connection) == REVISION


def _named(settings: Settings) -> str:
    """The variables that name other servers than the embedded ones."""
    named = {"DATABASE_URL": settings.database_url, "CELERY_BROKER_URL": settings.broker_url}
    return " and ".join(name for name, url in named.items() if url is not None)


def run_down(settings: Settings, *, as_json: bool) -> int:
    """`hkplates down`; the exit status."""
    servers = embedded.running(settings.data_folder)
    workers = _workers(servers.broker_url) if servers else 0
    stopped = embedded.stop(settings.data_folder)
    if as_json:
        told = {"data": str(settings.data_folder), "stopped": stopped, "workers": workers}
        typer.echo(json.dumps(told))
        return 0
    typer.echo("Stopped." if stopped else f"No servers ran under {settings.data_folder}.")
    if workers:
        typer.echo(
            f"Workers that still run: {workers}. They wait for the servers to come back; end them "
            "with Ctrl-C."
        )
    return 0


def _workers(broker_url: str) -> int:
    """Workers that are connected to the embedded Valkey."""
    from producer.redis_queue import RedisQueue

    with closing(RedisQueue(broker_url)) as queue:
        return queue.workers() or 0
