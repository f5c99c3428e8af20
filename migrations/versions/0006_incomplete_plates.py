"""Plates that are not seen whole: what is seen of them, in plates, sightings and search_marks.

Revision: 0006, after 0005
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | None = None
depends_on: str | None = None

SQL = Path(__file__).parents[1] / "sql"
SIGHTINGS = """
CREATE OR REPLACE VIEW sightings AS
SELECT plates.id AS plate_id,
       coalesce(plates.corrected_mark, plates.mark) AS mark,
       coalesce(plates.corrected_text, plates.text) AS text,
       plates.region,
       coalesce(plates.corrected_series, plates.series) AS series,
       plates.rows,
       plates.colour,
       plates.confidence,
       CASE images.store WHEN 's3' THEN 's3://' || images.bucket || '/' || images.key
            ELSE 'file://' || rtrim(images.bucket, '/') || '/' || images.key END AS uri,
       images.bucket,
       images.key,
       images.taken_at,
       images.processed_at,
       plates.box,
       plates.quad,
       plates.candidates,
       plates.detector_score,
       plates.reader,
       plates.position,
       images.id AS image_id,
       images.submission_id,
       plates.model_version_id,
       plates.review,
       plates.mark AS read_mark{more}
  FROM plates
  JOIN images ON images.id = plates.image_id
             AND images.model_version_id = plates.model_version_id
 WHERE NOT images.superseded
   AND plates.review IS DISTINCT FROM 'not_a_plate'
"""
# A person who corrects a reading says the whole mark.
MORE = """,
       plates.pattern IS NULL OR plates.corrected_mark IS NOT NULL AS complete,
       coalesce(plates.corrected_mark, plates.pattern, plates.mark) AS pattern"""
COMMENTS = {
    "complete": (
        "Whether the whole plate is seen; else mark and text hold what is seen of it, and counts "
        "by mark should leave it out"
    ),
    "pattern": (
        "The mark; of a plate that is not seen whole with ? for any number of characters that are "
        "not seen (XR746?)"
    ),
}
PATTERN = (
    "Of a plate that is not seen whole the mark with ? for any number of characters that are not "
    "seen (XR746?), else null"
)
SAID = """
SELECT column_name, col_description('sightings'::regclass, ordinal_position)
  FROM information_schema.columns
 WHERE table_schema = 'public' AND table_name = 'sightings'
"""


def upgrade() -> None:
    # The view is locked before its tables, as by whoever asks it.
    op.execute(SIGHTINGS.format(more=""))
    op.add_column("plates", sa.Column("pattern", sa.Text(), nullable=True, comment=PATTERN))
    op.create_index(
        "ix_plates_pattern",
        "plates",
        ["pattern"],
        unique=False,
        postgresql_ops={"pattern": "text_pattern_ops"},
        postgresql_where=sa.text("pattern IS NOT NULL"),
    )
    op.create_index(
        "ix_plates_pattern_reversed",
        "plates",
        [sa.func.reverse(sa.text("pattern")).label("pattern_reversed")],
        unique=False,
        postgresql_ops={"pattern_reversed": "text_pattern_ops"},
        postgresql_where=sa.text("pattern IS NOT NULL"),
    )
    op.execute(SIGHTINGS.format(more=MORE))
    for name, words in COMMENTS.items():
        comment(f"COLUMN sightings.{name}", words)
    run((SQL / "0006_search_marks.sql").read_text(encoding="utf-8"))


def run(statements: str) -> None:
    op.execute(sa.text(statements.replace(":", r"\:")))


def comment(of: str, words: str) -> None:
    run(f"COMMENT ON {of} IS '{words.replace(chr(39), chr(39) * 2)}'")


def downgrade() -> None:
    before = (SQL / "0005_search_marks.sql").read_text(encoding="utf-8")
    _, make, rest = before.partition("CREATE OR REPLACE FUNCTION search_marks(")
    run(make + rest)
    run("DROP FUNCTION parts_of(text)")
    # A view loses columns only by being made anew, and what was said about it is lost with it.
    database = op.get_bind()
    said = dict(database.execute(sa.text(SAID)).all())
    whole = database.execute(sa.text("SELECT obj_description('sightings'::regclass)")).scalar_one()
    op.execute("DROP VIEW sightings")
    op.drop_column("plates", "pattern")
    op.execute(SIGHTINGS.format(more=""))
    comment("VIEW sightings", whole)
    for name, words in said.items():
        if name not in COMMENTS:
            comment(f"COLUMN sightings.{name}", words)
