"""Columns for work that is paused, delayed or done again, and two roles.

Revision: 0002, after 0001
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None

SIGHTINGS = """
CREATE OR REPLACE VIEW sightings AS
SELECT plates.id AS plate_id,
       plates.mark,
       plates.text,
       plates.region,
       plates.series,
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
       plates.model_version_id
  FROM plates
  JOIN images ON images.id = plates.image_id
             AND images.model_version_id = plates.model_version_id
 WHERE {condition}
"""

# An image that is read again keeps showing what was read last, until the new reading is whole.
SHOWN = "NOT images.superseded"
SHOWN_BEFORE = "images.state = 'done' AND NOT images.superseded"

VERSION_COMMENT = (
    "The newest model version that looked at it to the end; its plates are what sightings shows"
)
VERSION_COMMENT_BEFORE = "The model version that read it last"

# Roles belong to the whole server: another database may have made them already, and where this user
# may not make any, all else still works. Rights are given in each database.
ROLES = """
DO $$
BEGIN
    IF to_regrole('{role}') IS NULL THEN
        CREATE ROLE {role} NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;  -- made by another at this moment
    WHEN insufficient_privilege THEN
        RAISE WARNING 'this user may not make the role {role}; see docs/operations.md';
END $$
"""
GRANTS = """
DO $$
BEGIN
    IF to_regrole('{role}') IS NOT NULL THEN
        GRANT USAGE ON SCHEMA public TO {role};
        GRANT {rights} ON ALL TABLES IN SCHEMA public TO {role};
        ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT {rights} ON TABLES TO {role};
    END IF;
END $$
"""
REVOKES = """
DO $$
BEGIN
    IF to_regrole('{role}') IS NOT NULL THEN
        ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE {rights} ON TABLES FROM {role};
        REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role};
        REVOKE USAGE ON SCHEMA public FROM {role};
    END IF;
END $$
"""
RIGHTS = {
    "hkplates_reader": "SELECT",
    "hkplates_writer": "SELECT, INSERT, UPDATE, DELETE",
}


def column(
    name: str,
    kind: sa.types.TypeEngine[Any],
    comment: str,
    *,
    nullable: bool = False,
    server_default: Any = None,
) -> sa.Column[Any]:
    """Returns a column, NOT NULL unless it says otherwise, with its comment."""
    return sa.Column(name, kind, nullable=nullable, comment=comment, server_default=server_default)


def upgrade() -> None:
    # The view before its tables, as whoever asks it locks them; the other way round both would wait
    # for each other.
    op.execute(SIGHTINGS.format(condition=SHOWN))
    submissions()
    images()
    earlier_versions()
    for role, rights in RIGHTS.items():
        op.execute(ROLES.format(role=role))
        op.execute(GRANTS.format(role=role, rights=rights))


def submissions() -> None:
    op.add_column(
        "submissions",
        column(
            "listing_after",
            sa.Text(),
            "The last key that an interrupted listing recorded, or null",
            nullable=True,
        ),
    )
    op.add_column(
        "submissions",
        column(
            "opened_at",
            sa.DateTime(timezone=True),
            "When its work last began or went on: submitted, resumed, tried again",
            server_default=sa.text("now()"),
        ),
    )


def images() -> None:
    op.add_column(
        "images",
        column(
            "due_at",
            sa.DateTime(timezone=True),
            "While pending: when it may be sent; later for a while after a service was away",
            server_default=sa.text("now()"),
        ),
    )
    op.add_column(
        "images",
        column(
            "returns",
            sa.SmallInteger(),
            "How often a worker gave it back unread since it was last submitted",
            server_default=sa.text("0"),
        ),
    )
    op.add_column(
        "images",
        column(
            "trouble",
            sa.Text(),
            "What broke its latest attempt off: timed_out, out_of_memory, crashed; or null",
            nullable=True,
        ),
    )
    op.alter_column(
        "images",
        "model_version_id",
        comment=VERSION_COMMENT,
        existing_comment=VERSION_COMMENT_BEFORE,
    )
    # One that failed was not looked at to the end, also where it waits to be tried again.
    op.execute(
        "UPDATE images SET model_version_id = NULL "
        "WHERE state <> 'done' AND model_version_id IS NOT NULL"
    )
    op.drop_index("ix_images_pending", table_name="images")
    op.create_index(
        "ix_images_pending",
        "images",
        ["submission_id", "due_at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "ix_images_returned",
        "images",
        ["submission_id", "due_at"],
        unique=False,
        postgresql_where=sa.text("state = 'pending' AND returns > 0"),
    )
    op.create_index("ix_images_processed_at", "images", ["processed_at"], unique=False)


def earlier_versions() -> None:
    op.create_table(
        "earlier_versions",
        column("image_id", sa.BigInteger(), "The image"),
        column("model_version_id", sa.Integer(), "A model version that had looked at it before"),
        column("processed_at", sa.DateTime(timezone=True), "When that was done"),
        sa.ForeignKeyConstraint(
            ["image_id"],
            ["images.id"],
            name=op.f("fk_earlier_versions_image_id_images"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["model_version_id"],
            ["model_versions.id"],
            name=op.f("fk_earlier_versions_model_version_id_model_versions"),
        ),
        sa.PrimaryKeyConstraint("image_id", "model_version_id", name=op.f("pk_earlier_versions")),
        comment="Model versions that looked at an image before its current one; see plates for "
        "what they read",
    )


def downgrade() -> None:
    for role, rights in RIGHTS.items():
        op.execute(REVOKES.format(role=role, rights=rights))
    op.execute(SIGHTINGS.format(condition=SHOWN_BEFORE))
    op.drop_table("earlier_versions")
    op.drop_index("ix_images_processed_at", table_name="images")
    op.drop_index("ix_images_returned", table_name="images")
    op.drop_index("ix_images_pending", table_name="images")
    op.create_index(
        "ix_images_pending",
        "images",
        ["submission_id", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.alter_column(
        "images",
        "model_version_id",
        comment=VERSION_COMMENT_BEFORE,
        existing_comment=VERSION_COMMENT,
    )
    for name in ("trouble", "returns", "due_at"):
        op.drop_column("images", name)
    for name in ("opened_at", "listing_after"):
        op.drop_column("submissions", name)
