"""Tables of reviews, which sightings shows, and of the audit of who asked for what.

Revision: 0004, after 0003
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None

SIGHTINGS = """
CREATE OR REPLACE VIEW sightings AS
SELECT plates.id AS plate_id,
       {mark} AS mark,
       {text} AS text,
       plates.region,
       {series} AS series,
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
       plates.model_version_id{more}
  FROM plates
  JOIN images ON images.id = plates.image_id
             AND images.model_version_id = plates.model_version_id
 WHERE NOT images.superseded{condition}
"""
AS_READ = {
    "mark": "plates.mark",
    "text": "plates.text",
    "series": "plates.series",
    "more": "",
    "condition": "",
}
AS_REVIEWED = {
    "mark": "coalesce(plates.corrected_mark, plates.mark)",
    "text": "coalesce(plates.corrected_text, plates.text)",
    "series": "coalesce(plates.corrected_series, plates.series)",
    "more": ",\n       plates.review,\n       plates.mark AS read_mark",
    "condition": "\n   AND plates.review IS DISTINCT FROM 'not_a_plate'",
}
COMMENTS = {
    "mark": (
        "Registration form: no blanks, no I or O (AB1234); empty where unreadable; as a person "
        "corrected it, where one did"
    ),
    "text": (
        "What is printed, rows parted by a blank (AB 1234); as a person corrected it, where one did"
    ),
    "review": "What a person found: accepted or corrected; null where nobody has looked at it",
    "read_mark": "The mark as it was read, whether or not a person corrected it",
}
BEFORE = {
    "mark": "Registration form: no blanks, no I or O (AB1234); empty where unreadable",
    "text": "What is printed, rows parted by a blank (AB 1234)",
}
SAID = """
SELECT column_name, col_description('sightings'::regclass, ordinal_position)
  FROM information_schema.columns
 WHERE table_schema = 'public' AND table_name = 'sightings'
"""

# People's words are added to and never changed; who asked for what is not for everybody to read.
RIGHTS = (
    ("hkplates_reader", "REVOKE ALL ON audit FROM {role}"),
    ("hkplates_reader", "GRANT SELECT ON reviews TO {role}"),
    ("hkplates_writer", "REVOKE ALL ON reviews, audit FROM {role}"),
    ("hkplates_writer", "GRANT SELECT, INSERT ON reviews, audit TO {role}"),
    ("hkplates_writer", "GRANT UPDATE (current) ON reviews TO {role}"),
)
IF_THERE_IS = """
DO $$
BEGIN
    IF to_regrole('{role}') IS NOT NULL THEN
        {statement};
    END IF;
END $$
"""


def column(
    name: str,
    kind: sa.types.TypeEngine[Any],
    comment: str,
    *rest: Any,
    nullable: bool = False,
    server_default: Any = None,
) -> sa.Column[Any]:
    """Returns a column, NOT NULL unless it says otherwise, with its comment."""
    return sa.Column(
        name, kind, *rest, nullable=nullable, comment=comment, server_default=server_default
    )


def upgrade() -> None:
    # The view is locked before its tables, as by whoever asks it; the other way round both would
    # wait for each other.
    op.execute(SIGHTINGS.format(**AS_READ))
    plates()
    reviews()
    audit()
    op.execute(SIGHTINGS.format(**AS_REVIEWED))
    comment(COMMENTS)
    for role, statement in RIGHTS:
        op.execute(IF_THERE_IS.format(role=role, statement=statement.format(role=role)))


def plates() -> None:
    for name, words in (
        ("review", "What the current review of it says (see reviews); null where there is none"),
        ("corrected_mark", "The mark as the current review corrects it, or null"),
        ("corrected_text", "What is printed, as the current review corrects it, or null"),
        ("corrected_series", "Series of the corrected mark, or null"),
    ):
        op.add_column("plates", column(name, sa.Text(), words, nullable=True))


def reviews() -> None:
    op.create_table(
        "reviews",
        column("id", sa.BigInteger(), "Number of the review", sa.Identity(always=True)),
        column("plate_id", sa.BigInteger(), "The plate that was looked at"),
        column("verdict", sa.Text(), "accepted, corrected or not_a_plate"),
        column(
            "mark", sa.Text(), "The true mark, in registration form; null: no plate", nullable=True
        ),
        column("text", sa.Text(), "What is printed in truth; null: no plate", nullable=True),
        column("series", sa.Text(), "Series of the true mark; null: no plate", nullable=True),
        column("reviewer", sa.Text(), "Who said so"),
        column(
            "reviewed_at",
            sa.DateTime(timezone=True),
            "When that was said",
            server_default=sa.text("now()"),
        ),
        column("note", sa.Text(), "What the reviewer wrote beside it, or null", nullable=True),
        column(
            "current",
            sa.Boolean(),
            "Whether it is the latest word on this plate",
            server_default=sa.text("true"),
        ),
        column(
            "carried_from",
            sa.BigInteger(),
            "The review that this one repeats for the plate of another model version at the same "
            "place, or null",
            nullable=True,
        ),
        sa.CheckConstraint(
            "verdict IN ('accepted', 'corrected', 'not_a_plate')", name=op.f("ck_reviews_verdict")
        ),
        sa.CheckConstraint(
            "num_nulls(mark, text, series) = CASE verdict WHEN 'not_a_plate' THEN 3 ELSE 0 END",
            name=op.f("ck_reviews_mark"),
        ),
        sa.CheckConstraint("reviewer <> ''", name=op.f("ck_reviews_reviewer")),
        sa.ForeignKeyConstraint(
            ["plate_id"], ["plates.id"], name=op.f("fk_reviews_plate_id_plates"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviews")),
        comment="What people said about readings: a row for each time, never changed but for "
        "`current`",
    )
    op.create_index("ix_reviews_plate_id", "reviews", ["plate_id"], unique=False)
    op.create_index(
        "uq_reviews_current",
        "reviews",
        ["plate_id"],
        unique=True,
        postgresql_where=sa.text("current"),
    )
    op.create_index(
        "ix_reviews_mark",
        "reviews",
        ["mark"],
        unique=False,
        postgresql_ops={"mark": "text_pattern_ops"},
        postgresql_where=sa.text("current"),
    )


def audit() -> None:
    op.create_table(
        "audit",
        column("id", sa.BigInteger(), "Number of the entry", sa.Identity(always=True)),
        column("happened_at", sa.DateTime(timezone=True), "When", server_default=sa.text("now()")),
        column("actor", sa.Text(), "Who: a login of the page, or a name of their own"),
        column(
            "action", sa.Text(), "What: search, sighting, review, login, login_failed, export ..."
        ),
        column(
            "subject",
            postgresql.JSONB(),
            "To what: the question, the plate, the submission, as a JSON object",
            server_default=sa.text("'{}'::jsonb"),
        ),
        column("purpose", sa.Text(), "What for, where somebody said so", nullable=True),
        column("address", sa.Text(), "Network address it came from, or null", nullable=True),
        sa.CheckConstraint("actor <> ''", name=op.f("ck_audit_actor")),
        sa.CheckConstraint("action <> ''", name=op.f("ck_audit_action")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        comment="Who did what in the page: a row for each search, look and change, never changed",
    )
    op.create_index("ix_audit_happened_at", "audit", ["happened_at"], unique=False)


def comment(comments: dict[str, str]) -> None:
    for name, words in comments.items():
        op.execute(f"COMMENT ON COLUMN sightings.{name} IS {quoted(words)}")


def quoted(words: str) -> str:
    return "'" + words.replace("'", "''").replace(":", r"\:") + "'"


def downgrade() -> None:
    # A view loses columns only by being made anew, and what was said about it is lost with it.
    database = op.get_bind()
    said = dict(database.execute(sa.text(SAID)).all()) | BEFORE
    whole = database.execute(sa.text("SELECT obj_description('sightings'::regclass)")).scalar_one()
    op.execute("DROP VIEW sightings")
    op.drop_table("audit")
    op.drop_table("reviews")
    for name in ("corrected_series", "corrected_text", "corrected_mark", "review"):
        op.drop_column("plates", name)
    op.execute(SIGHTINGS.format(**AS_READ))
    comment({name: words for name, words in said.items() if name not in ("review", "read_mark")})
    op.execute(f"COMMENT ON VIEW sightings IS {quoted(whole)}")
