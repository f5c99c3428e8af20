"""${message}

Revision: ${up_revision}, after ${down_revision | comma,n}

Compatibility rule: expand, then contract. Workers of the version before this one keep running while
it is applied, and may go on for days. So one migration may only ADD: tables, columns that are
nullable or have a default, indexes (CREATE INDEX CONCURRENTLY on a large table, in
`op.get_context().autocommit_block()`), constraints as NOT VALID and validated on their own.
Renaming, dropping or tightening waits for the migration after the release that stopped using the
old form. Columns of the view sightings are added at its end, never moved or renamed.

Then set REVISION in hkplates/database/schema/revision.py, and run `alembic check`.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}

revision: str = ${repr(up_revision)}
down_revision: str | None = ${repr(down_revision)}
branch_labels: str | Sequence[str] | None = ${repr(branch_labels)}
depends_on: str | Sequence[str] | None = ${repr(depends_on)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
