"""`hkplates up`, `down` and `migrate`."""

import json
from contextlib import closing
from typing import TYPE_CHECKING

import typer

from hkplates.database.schema.revision import REVISION, current_revision
from hkplates.embedded import servers as embedded
from hkplates.errors import SettingInvalid
from hkplates.formatting import printable
from hkplates.settings import Settings

if TYPE_CHECKING:
    pass
from cli.context import opened_engine

NEXT_STEP = "celery -A workers.app worker, and: hkplates submit FOLDER"


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
        typer.echo(f"The login {printable(writer_login)} may read and write rows.")
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
    following = NEXT_STEP if _is_migrated(servers.database_url) else "hkplates migrate"
    typer.echo(f"PostgreSQL and Valkey run under {settings.data_folder}. Next: {following}")
    if named := _named_variables(settings):
        typer.echo(f"They are not used for what {named} names, which is set and wins; unset it.")
    return 0


def _is_migrated(database_url: str) -> bool:
    with opened_engine(database_url) as engine, engine.connect() as connection:
        return current_revision(connection) == REVISION


def _named_variables(settings: Settings) -> str:
    """The variables that name other servers than the embedded ones."""
    named = {"DATABASE_URL": settings.database_url, "CELERY_BROKER_URL": settings.broker_url}
    return " and ".join(name for name, url in named.items() if url is not None)


def run_down(settings: Settings, *, as_json: bool) -> int:
    """`hkplates down`; the exit status."""
    servers = embedded.running(settings.data_folder)
    workers = _count_workers(servers.broker_url) if servers else 0
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


def _count_workers(broker_url: str) -> int:
    """Workers that are connected to the embedded Valkey."""
    from producer.redis_queue import RedisQueue

    with closing(RedisQueue(broker_url)) as queue:
        return queue.count_workers() or 0
