"""Checks that the migrations make the tables in Python: `alembic upgrade head`, then `check`."""

import shutil
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.util.exc import CommandError

from hkplates.database.engine import open_engine
from hkplates.database.schema.migrate import config, migrate
from hkplates.embedded import servers


def main() -> int:
    """Returns 0 where both agree; else 1, with the differences on standard error."""
    # Not under a folder of root's alone: PostgreSQL never runs as root.
    folder = Path(tempfile.mkdtemp(prefix="hkplates-check-"))
    folder.chmod(0o755)
    try:
        engine = open_engine(servers.start(folder).database_url)
        migrate(engine)
        with engine.connect() as connection:
            command.check(config(connection))
        engine.dispose()
    except CommandError as error:
        print(f"alembic check: {error}", file=sys.stderr)
        return 1
    finally:
        servers.stop(folder)
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
