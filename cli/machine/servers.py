"""`hkplates up`, `down` and `migrate`: run the embedded servers, migrate the database."""

import json
from contextlib import closing

import typer

from cli.context import opened_engine
from hkplates.database.schema.revision import REVISION, current_revision
from hkplates.embedded import servers
from hkplates.errors import SettingInvalid
from hkplates.exit_status import ExitStatus
from hkplates.formatting import printable
from hkplates.settings import Settings

NEXT_STEP = "celery -A workers.app worker, and: hkplates submit FOLDER"


def run_migrate(settings: Settings, writer_login: str | None, *, as_json: bool) -> int:
    """Runs `hkplates migrate`; returns the exit status.

    Raises:
        SettingInvalid: the writer's name or its password cannot be used.
        SetupError: the migration failed, or no server is there.
    """
    from hkplates.database.schema.migrate import migrate
    from hkplates.database.schema.writer_login import make_writer_login, require_login_name

    password = ""
    if writer_login is not None:
        require_login_name(writer_login)
        password = _writer_password(settings)
    with opened_engine(servers.resolve_database_url(settings)) as engine:
        migrated = migrate(engine)
        if writer_login is not None:
            make_writer_login(engine, writer_login, password)
    if as_json:
        report = {"before": migrated.before, "after": migrated.after, "writer_login": writer_login}
        typer.echo(json.dumps(report))
        return ExitStatus.DONE
    if migrated.before == migrated.after:
        typer.echo(f"The database is at migration {migrated.after} already.")
    else:
        typer.echo(f"The database is now at migration {migrated.after}.")
    if writer_login is not None:
        typer.echo(f"The login {printable(writer_login)} may read and write rows.")
    return ExitStatus.DONE


def _writer_password(settings: Settings) -> str:
    if settings.writer_password is None:
        raise SettingInvalid("HKPLATES_WRITER_PASSWORD is not set; it is the new login's password")
    return settings.writer_password.get_secret_value()


def run_up(settings: Settings, *, as_json: bool) -> int:
    """Runs `hkplates up`; returns the exit status.

    Raises:
        SetupError: the extra `local` is not installed, or a server did not start.
    """
    started = servers.start(settings.data_folder)
    if as_json:
        # The broker's URL holds its password; every command finds it by the data folder.
        typer.echo(
            json.dumps({"data": str(settings.data_folder), "database_url": started.database_url})
        )
        return ExitStatus.DONE
    following = NEXT_STEP if _is_migrated(started.database_url) else "hkplates migrate"
    typer.echo(f"PostgreSQL and Valkey run under {settings.data_folder}. Next: {following}")
    if named := _named_variables(settings):
        typer.echo(f"They are not used for what {named} names, which is set and wins; unset it.")
    return ExitStatus.DONE


def _is_migrated(database_url: str) -> bool:
    with opened_engine(database_url) as engine, engine.connect() as connection:
        return current_revision(connection) == REVISION


def _named_variables(settings: Settings) -> str:
    """Returns the variables that name other servers than the embedded ones."""
    named = {"DATABASE_URL": settings.database_url, "CELERY_BROKER_URL": settings.broker_url}
    return " and ".join(name for name, url in named.items() if url is not None)


def run_down(settings: Settings, *, as_json: bool) -> int:
    """Runs `hkplates down`; returns the exit status.

    Raises:
        SetupError: a server did not stop.
    """
    running = servers.running(settings.data_folder)
    workers = _count_workers(running.broker_url) if running else 0
    stopped = servers.stop(settings.data_folder)
    if as_json:
        report = {"data": str(settings.data_folder), "stopped": stopped, "workers": workers}
        typer.echo(json.dumps(report))
        return ExitStatus.DONE
    typer.echo("Stopped." if stopped else f"No servers ran under {settings.data_folder}.")
    if workers:
        typer.echo(
            f"Workers that still run: {workers}. They wait for the servers to come back; end them "
            "with Ctrl-C."
        )
    return ExitStatus.DONE


def _count_workers(broker_url: str) -> int:
    """Counts the workers that are connected to the embedded Valkey."""
    from producer.redis_queue import RedisQueue

    with closing(RedisQueue(broker_url)) as queue:
        return queue.count_workers() or 0
