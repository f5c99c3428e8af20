"""Indexes for sightings as people corrected them, for their queue, and for prefixes of keys; and
search_marks, which asks them.

Revision: 0005, after 0004
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | None = None
depends_on: str | None = None

SQL = Path(__file__).parents[1] / "sql"
MADE = ("images_between(timestamptz, timestamptz, integer)", "images_below(text, integer)")


def upgrade() -> None:
    # Plates before images, as a worker locks them when it saves.
    op.create_index(
        "ix_plates_shown_mark",
        "plates",
        [sa.func.coalesce(sa.text("corrected_mark"), sa.text("mark")).label("shown_mark")],
        unique=False,
        postgresql_ops={"shown_mark": "text_pattern_ops"},
    )
    op.create_index(
        "ix_plates_doubtful",
        "plates",
        ["region", "confidence", "id"],
        unique=False,
        postgresql_where=sa.text("review IS NULL"),
    )
    op.create_index(
        "ix_images_key_beginning",
        "images",
        [sa.func.left(sa.text("key"), sa.text("64")).label("key_beginning")],
        unique=False,
        postgresql_ops={"key_beginning": "text_pattern_ops"},
    )
    run((SQL / "0005_search_marks.sql").read_text(encoding="utf-8"))


def run(statements: str) -> None:
    op.execute(sa.text(statements.replace(":", r"\:")))


def downgrade() -> None:
    before = (SQL / "0003_search_marks.sql").read_text(encoding="utf-8")
    _, make, rest = before.partition("CREATE FUNCTION search_marks(")
    run(make.replace("CREATE", "CREATE OR REPLACE") + rest)
    for function in MADE:
        op.execute(f"DROP FUNCTION {function}")
    op.drop_index("ix_images_key_beginning", table_name="images")
    op.drop_index("ix_plates_doubtful", table_name="plates")
    op.drop_index("ix_plates_shown_mark", table_name="plates")
