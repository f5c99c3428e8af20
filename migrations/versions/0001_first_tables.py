"""The first tables: submissions, images, plates, model_versions and the view sightings.

Revision: 0001, the first
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None

SIGHTINGS = """
CREATE VIEW sightings AS
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
 WHERE images.state = 'done' AND NOT images.superseded
"""

VIEW_COMMENT = (
    "One row for each plate of an image's current model version, where the image's content is "
    "still what its key holds: what to query first"
)
URI_COMMENT = "s3://bucket/key, or file:///folder/key; as it is, without percent signs for blanks"

# Each column of the view takes the comment of the column it shows.
COPY_COMMENTS = """
DO $$
DECLARE
    of_view record;
BEGIN
    FOR of_view IN
        SELECT seen.attname AS name, coalesce(
                   col_description('plates'::regclass, plate.attnum),
                   col_description('images'::regclass, image.attnum)) AS words
          FROM pg_attribute seen
          LEFT JOIN pg_attribute plate ON plate.attrelid = 'plates'::regclass
               AND plate.attname = CASE seen.attname WHEN 'plate_id' THEN 'id'
                                                     ELSE seen.attname END
          LEFT JOIN pg_attribute image ON image.attrelid = 'images'::regclass
               AND image.attname = seen.attname
         WHERE seen.attrelid = 'sightings'::regclass AND seen.attnum > 0
    LOOP
        EXECUTE format('COMMENT ON COLUMN sightings.%I IS %L', of_view.name, of_view.words);
    END LOOP;
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
    model_versions()
    submissions()
    images()
    plates()
    sightings()


def model_versions() -> None:
    op.create_table(
        "model_versions",
        column("id", sa.Integer(), "Number of the model version", sa.Identity(always=True)),
        column("detector", sa.Text(), "Hash of the detector's bundle"),
        column("reader", sa.Text(), "Hash or name and version of the reader"),
        column("config", postgresql.JSONB(), "Settings that change what is found"),
        column(
            "digest",
            sa.LargeBinary(),
            "SHA-256 of detector, reader and config, so that a version is kept once",
        ),
        column(
            "created_at",
            sa.DateTime(timezone=True),
            "When a worker first used it",
            server_default=sa.text("now()"),
        ),
        sa.CheckConstraint("octet_length(digest) = 32", name=op.f("ck_model_versions_digest")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_versions")),
        sa.UniqueConstraint("digest", name=op.f("uq_model_versions_digest")),
        comment="What found and read plates: one row for each detector, reader and settings",
    )


def submissions() -> None:
    op.create_table(
        "submissions",
        column("id", sa.BigInteger(), "Number of the submission", sa.Identity(always=True)),
        column(
            "source",
            sa.Text(),
            "What was submitted: s3://bucket/prefix or the absolute path of a folder",
        ),
        column("name", sa.Text(), "Name given with --name, or null", nullable=True),
        column(
            "state",
            sa.Text(),
            "listing, running (all listed), finished, paused or cancelled",
            server_default=sa.text("'listing'"),
        ),
        column(
            "options",
            postgresql.JSONB(),
            "How it was submitted, as a JSON object",
            server_default=sa.text("'{}'::jsonb"),
        ),
        column(
            "skipped",
            sa.BigInteger(),
            "Images found in the source that another submission has ended",
            server_default=sa.text("0"),
        ),
        column(
            "created_at",
            sa.DateTime(timezone=True),
            "When it was first submitted",
            server_default=sa.text("now()"),
        ),
        column(
            "listed_at",
            sa.DateTime(timezone=True),
            "When its source was last listed to the end, or null",
            nullable=True,
        ),
        column(
            "finished_at",
            sa.DateTime(timezone=True),
            "When nothing was left to do, or null",
            nullable=True,
        ),
        sa.CheckConstraint(
            "state IN ('listing', 'running', 'finished', 'paused', 'cancelled')",
            name=op.f("ck_submissions_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_submissions")),
        comment="One run of `hkplates submit` over a source; images point to it",
    )
    op.create_index(
        "ix_submissions_unfinished",
        "submissions",
        ["id"],
        unique=False,
        postgresql_where=sa.text("state IN ('listing', 'running', 'paused')"),
    )


def images() -> None:
    op.create_table(
        "images",
        column("id", sa.BigInteger(), "Number of the image", sa.Identity(always=True)),
        column("submission_id", sa.BigInteger(), "The submission that last asked for it"),
        column("store", sa.Text(), "s3 or folder"),
        column("bucket", sa.Text(), "The bucket, or the folder's absolute path"),
        column("key", sa.Text(), "The object's key, or the path below the folder"),
        column("etag", sa.Text(), "The content: the S3 ETag, or a file's time of change and size"),
        column("size", sa.BigInteger(), "Bytes, as listed"),
        column(
            "digest",
            sa.LargeBinary(),
            "SHA-256 of store, bucket, key and etag, so that an image is kept once",
        ),
        column(
            "state",
            sa.Text(),
            "pending, queued, done, failed, quarantined or cancelled",
            server_default=sa.text("'pending'"),
        ),
        column(
            "attempts",
            sa.SmallInteger(),
            "How often a worker began it since it was last submitted",
            server_default=sa.text("0"),
        ),
        column(
            "leased_until",
            sa.DateTime(timezone=True),
            "While queued: when it is sent again unless it ends before",
            nullable=True,
        ),
        column(
            "reason",
            sa.Text(),
            "Why it failed or was quarantined: missing, undecodable, crashed ...",
            nullable=True,
        ),
        column("detail", sa.Text(), "The reason in a sentence", nullable=True),
        column("width", sa.Integer(), "Pixels of the upright photograph", nullable=True),
        column("height", sa.Integer(), "Pixels of the upright photograph", nullable=True),
        column(
            "taken_at",
            sa.DateTime(timezone=True),
            "When it was taken (EXIF); Hong Kong time where the camera names no zone",
            nullable=True,
        ),
        column(
            "model_version_id", sa.Integer(), "The model version that read it last", nullable=True
        ),
        column(
            "processed_at",
            sa.DateTime(timezone=True),
            "When it ended as done, failed or quarantined",
            nullable=True,
        ),
        column("milliseconds", sa.Integer(), "What it took a worker, when done", nullable=True),
        column(
            "superseded",
            sa.Boolean(),
            "Another content was found under its key since",
            server_default=sa.text("false"),
        ),
        sa.CheckConstraint(
            "(state = 'queued') = (leased_until IS NOT NULL)", name=op.f("ck_images_leased")
        ),
        sa.CheckConstraint(
            "(state IN ('failed', 'quarantined')) = (reason IS NOT NULL)",
            name=op.f("ck_images_reason"),
        ),
        sa.CheckConstraint(
            "state <> 'done' OR model_version_id IS NOT NULL", name=op.f("ck_images_done")
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'queued', 'done', 'failed', 'quarantined', 'cancelled')",
            name=op.f("ck_images_state"),
        ),
        sa.CheckConstraint("store IN ('s3', 'folder')", name=op.f("ck_images_store")),
        sa.CheckConstraint("octet_length(digest) = 32", name=op.f("ck_images_digest")),
        sa.ForeignKeyConstraint(
            ["model_version_id"],
            ["model_versions.id"],
            name=op.f("fk_images_model_version_id_model_versions"),
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submissions.id"], name=op.f("fk_images_submission_id_submissions")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_images")),
        sa.UniqueConstraint("digest", name=op.f("uq_images_digest")),
        comment="The ledger: one row for each image ever submitted, in exactly one state",
    )
    op.create_index("ix_images_key", "images", ["key"], unique=False, postgresql_using="hash")
    op.create_index(
        "ix_images_pending",
        "images",
        ["submission_id", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "ix_images_queued",
        "images",
        ["leased_until"],
        unique=False,
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        "ix_images_submission_id_state", "images", ["submission_id", "state"], unique=False
    )


def plates() -> None:
    op.create_table(
        "plates",
        column("id", sa.BigInteger(), "Number of the plate", sa.Identity(always=True)),
        column("image_id", sa.BigInteger(), "The image it was found on"),
        column("model_version_id", sa.Integer(), "What found and read it"),
        column(
            "position", sa.SmallInteger(), "0 for the leftmost plate of the image, then 1, 2 ..."
        ),
        column(
            "mark",
            sa.Text(),
            "Registration form: no blanks, no I or O (AB1234); empty where unreadable",
        ),
        column("text", sa.Text(), "What is printed, rows parted by a blank (AB 1234)"),
        column("series", sa.Text(), "Kind of mark: usual, personalised, government ..."),
        column("region", sa.Text(), "Whose plate: HK, CN, MO or other"),
        column("rows", sa.SmallInteger(), "Rows of characters: 1 or 2"),
        column("colour", sa.Text(), "Background: white (front), yellow (rear), other"),
        column("confidence", sa.REAL(), "How sure the reading is, 0 to 1"),
        column(
            "character_confidences",
            sa.ARRAY(sa.REAL()),
            "How sure each character of text is, blanks left out, 0 to 1",
        ),
        column(
            "candidates",
            postgresql.JSONB(),
            'Other readings, the likeliest first: [{"text": ..., "confidence": ...}]',
        ),
        column(
            "box", sa.ARRAY(sa.REAL()), "{x, y, width, height} in pixels of the upright photograph"
        ),
        column(
            "quad",
            sa.ARRAY(sa.REAL(), dimensions=2),
            "{{x,y},...}: the corners in pixels, clockwise from the plate's own top left",
        ),
        column("detector_score", sa.REAL(), "How sure the detector is, 0 to 1"),
        column("reader", sa.Text(), "The reader whose text this is"),
        sa.CheckConstraint("colour IN ('white', 'yellow', 'other')", name=op.f("ck_plates_colour")),
        sa.CheckConstraint("region IN ('HK', 'CN', 'MO', 'other')", name=op.f("ck_plates_region")),
        sa.CheckConstraint("cardinality(box) = 4", name=op.f("ck_plates_box")),
        sa.CheckConstraint("cardinality(quad) = 8", name=op.f("ck_plates_quad")),
        sa.CheckConstraint("confidence BETWEEN 0 AND 1", name=op.f("ck_plates_confidence")),
        sa.CheckConstraint("rows IN (1, 2)", name=op.f("ck_plates_rows")),
        sa.ForeignKeyConstraint(
            ["image_id"], ["images.id"], name=op.f("fk_plates_image_id_images"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["model_version_id"],
            ["model_versions.id"],
            name=op.f("fk_plates_model_version_id_model_versions"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plates")),
        sa.UniqueConstraint(
            "image_id",
            "model_version_id",
            "position",
            name=op.f("uq_plates_image_id_model_version_id_position"),
        ),
        comment="Plates found and read; see the view sightings for the current ones",
    )
    op.create_index("ix_plates_mark", "plates", ["mark"], unique=False)


def sightings() -> None:
    op.execute(SIGHTINGS)
    op.execute(COPY_COMMENTS)
    uri = URI_COMMENT.replace("'", "''")
    view = VIEW_COMMENT.replace("'", "''")
    op.execute(f"COMMENT ON COLUMN sightings.uri IS '{uri}'")
    op.execute(f"COMMENT ON VIEW sightings IS '{view}'")


def downgrade() -> None:
    op.execute("DROP VIEW sightings")
    for table in ("plates", "images", "submissions", "model_versions"):
        op.drop_table(table)
