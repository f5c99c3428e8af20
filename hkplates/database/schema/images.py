"""The tables. Names are a contract: people write SQL against them, so each column says what it is.

All times are the database's own clock, except `taken_at`, which is the camera's. States and reasons
are drawn in docs/architecture.md.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    REAL,
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Text,
    UniqueConstraint,
    false,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SUBMISSION_STATES = ("listing", "running", "finished", "paused", "cancelled")
IMAGE_STATES = ("pending", "queued", "done", "failed", "quarantined", "cancelled")
REGIONS = ("HK", "CN", "MO", "other")
COLOURS = ("white", "yellow", "other")

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """What all tables share: how constraints are named, and Python's types in SQL."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own form
        str: Text,
        int: Integer,
        bytes: LargeBinary,
        float: REAL,
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[dict[str, Any]]: JSONB,
    }


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


class Submission(Base):
    __tablename__ = "submissions"
    __table_args__ = (
        CheckConstraint(_one_of("state", SUBMISSION_STATES), "state"),
        # Continuing asks for the unfinished submission of a source; few are ever unfinished.
        Index(
            "ix_submissions_unfinished",
            "id",
            postgresql_where=text("state IN ('listing', 'running', 'paused')"),
        ),
        {"comment": "One run of `hkplates submit` over a source; images point to it"},
    )

    id: Mapped[int] = mapped_column(
        BigInteger, Identity(always=True), primary_key=True, comment="Number of the submission"
    )
    source: Mapped[str] = mapped_column(
        comment="What was submitted: s3://bucket/prefix or the absolute path of a folder"
    )
    name: Mapped[str | None] = mapped_column(comment="Name given with --name, or null")
    state: Mapped[str] = mapped_column(
        server_default=text("'listing'"),
        comment="listing, running (all listed), finished, paused or cancelled",
    )
    options: Mapped[dict[str, Any]] = mapped_column(
        server_default=text("'{}'::jsonb"), comment="How it was submitted, as a JSON object"
    )
    skipped: Mapped[int] = mapped_column(
        BigInteger,
        server_default=text("0"),
        comment="Images found in the source that another submission has ended",
    )
    created_at: Mapped[datetime] = mapped_column(
        server_default=func.now(), comment="When it was first submitted"
    )
    listed_at: Mapped[datetime | None] = mapped_column(
        comment="When its source was last listed to the end, or null"
    )
    finished_at: Mapped[datetime | None] = mapped_column(
        comment="When nothing was left to do, or null"
    )
    listing_after: Mapped[str | None] = mapped_column(
        comment="The last key that an interrupted listing recorded, or null"
    )
    opened_at: Mapped[datetime] = mapped_column(
        server_default=func.now(),
        comment="When its work last began or went on: submitted, resumed, tried again",
    )


class ModelVersion(Base):
    __tablename__ = "model_versions"
    __table_args__ = (
        UniqueConstraint("digest"),
        CheckConstraint("octet_length(digest) = 32", "digest"),
        {"comment": "What found and read plates: one row for each detector, reader and settings"},
    )

    id: Mapped[int] = mapped_column(
        Identity(always=True), primary_key=True, comment="Number of the model version"
    )
    detector: Mapped[str] = mapped_column(comment="Hash of the detector's bundle")
    reader: Mapped[str] = mapped_column(comment="Hash or name and version of the reader")
    config: Mapped[dict[str, Any]] = mapped_column(comment="Settings that change what is found")
    digest: Mapped[bytes] = mapped_column(
        comment="SHA-256 of detector, reader and config, so that a version is kept once"
    )
    created_at: Mapped[datetime] = mapped_column(
        server_default=func.now(), comment="When a worker first used it"
    )


class Image(Base):
    __tablename__ = "images"
    __table_args__ = (
        # One image is (store, bucket, key, etag). A B-tree entry holds 2,700 bytes at most and a
        # key or a folder's path up to 4,096 characters, so the index is over their digest.
        UniqueConstraint("digest"),
        CheckConstraint("octet_length(digest) = 32", "digest"),
        CheckConstraint(_one_of("store", ("s3", "folder")), "store"),
        CheckConstraint(_one_of("state", IMAGE_STATES), "state"),
        CheckConstraint("(state = 'queued') = (leased_until IS NOT NULL)", "leased"),
        CheckConstraint("(state IN ('failed', 'quarantined')) = (reason IS NOT NULL)", "reason"),
        CheckConstraint("state <> 'done' OR model_version_id IS NOT NULL", "done"),
        Index("ix_images_submission_id_state", "submission_id", "state"),
        # Taking work and expiring leases look at these few rows only, however many are done.
        Index(
            "ix_images_pending",
            "submission_id",
            "due_at",
            "id",
            postgresql_where=text("state = 'pending'"),
        ),
        # Those that came back unread, among millions that wait: whether a store is away.
        Index(
            "ix_images_returned",
            "submission_id",
            "due_at",
            postgresql_where=text("state = 'pending' AND returns > 0"),
        ),
        Index("ix_images_queued", "leased_until", postgresql_where=text("state = 'queued'")),
        # Tells when something was last done: whether work goes on.
        Index("ix_images_processed_at", "processed_at"),
        # Finds what was taken in a short time, without the table.
        Index("ix_images_taken_at", "taken_at", "id"),
        # Finds what lies below a prefix, as far as that needs to be told apart.
        Index(
            "ix_images_key_beginning",
            func.left(text("key"), text("64")).label("key_beginning"),
            postgresql_ops={"key_beginning": "text_pattern_ops"},
        ),
        # Finds the other contents of a key; a hash bears keys of any length.
        Index("ix_images_key", "key", postgresql_using="hash"),
        {"comment": "The ledger: one row for each image ever submitted, in exactly one state"},
    )

    id: Mapped[int] = mapped_column(
        BigInteger, Identity(always=True), primary_key=True, comment="Number of the image"
    )
    submission_id: Mapped[int] = mapped_column(
        ForeignKey("submissions.id"), comment="The submission that last asked for it"
    )
    store: Mapped[str] = mapped_column(comment="s3 or folder")
    bucket: Mapped[str] = mapped_column(comment="The bucket, or the folder's absolute path")
    key: Mapped[str] = mapped_column(comment="The object's key, or the path below the folder")
    etag: Mapped[str] = mapped_column(
        comment="The content: the S3 ETag, or a file's time of change and size"
    )
    size: Mapped[int] = mapped_column(BigInteger, comment="Bytes, as listed")
    digest: Mapped[bytes] = mapped_column(
        comment="SHA-256 of store, bucket, key and etag, so that an image is kept once"
    )
    state: Mapped[str] = mapped_column(
        server_default=text("'pending'"),
        comment="pending, queued, done, failed, quarantined or cancelled",
    )
    attempts: Mapped[int] = mapped_column(
        SmallInteger,
        server_default=text("0"),
        comment="How often a worker began it since it was last submitted",
    )
    leased_until: Mapped[datetime | None] = mapped_column(
        comment="While queued: when it is sent again unless it ends before"
    )
    reason: Mapped[str | None] = mapped_column(
        comment="Why it failed or was quarantined: missing, undecodable, crashed ..."
    )
    detail: Mapped[str | None] = mapped_column(comment="The reason in a sentence")
    width: Mapped[int | None] = mapped_column(comment="Pixels of the upright photograph")
    height: Mapped[int | None] = mapped_column(comment="Pixels of the upright photograph")
    taken_at: Mapped[datetime | None] = mapped_column(
        comment="When it was taken (EXIF); Hong Kong time where the camera names no zone"
    )
    model_version_id: Mapped[int | None] = mapped_column(
        ForeignKey("model_versions.id"),
        comment="The newest model version that looked at it to the end; its plates are what "
        "sightings shows",
    )
    processed_at: Mapped[datetime | None] = mapped_column(
        comment="When it ended as done, failed or quarantined"
    )
    milliseconds: Mapped[int | None] = mapped_column(comment="What it took a worker, when done")
    superseded: Mapped[bool] = mapped_column(
        server_default=false(), comment="Another content was found under its key since"
    )
    due_at: Mapped[datetime] = mapped_column(
        server_default=func.now(),
        comment="While pending: when it may be sent; later for a while after a service was away",
    )
    returns: Mapped[int] = mapped_column(
        SmallInteger,
        server_default=text("0"),
        comment="How often a worker gave it back unread since it was last submitted",
    )
    trouble: Mapped[str | None] = mapped_column(
        comment="What broke its latest attempt off: timed_out, out_of_memory, crashed; or null"
    )


class EarlierVersion(Base):
    __tablename__ = "earlier_versions"
    __table_args__ = (
        {
            "comment": "Model versions that looked at an image before its current one; see plates "
            "for what they read"
        },
    )

    image_id: Mapped[int] = mapped_column(
        ForeignKey("images.id", ondelete="CASCADE"), primary_key=True, comment="The image"
    )
    model_version_id: Mapped[int] = mapped_column(
        ForeignKey("model_versions.id"),
        primary_key=True,
        comment="A model version that had looked at it before",
    )
    processed_at: Mapped[datetime] = mapped_column(comment="When that was done")


class Plate(Base):
    __tablename__ = "plates"
    __table_args__ = (
        UniqueConstraint("image_id", "model_version_id", "position"),
        CheckConstraint(_one_of("region", REGIONS), "region"),
        CheckConstraint(_one_of("colour", COLOURS), "colour"),
        CheckConstraint("rows IN (1, 2)", "rows"),
        CheckConstraint("confidence BETWEEN 0 AND 1", "confidence"),
        CheckConstraint("cardinality(box) = 4", "box"),
        CheckConstraint("cardinality(quad) = 8", "quad"),
        # Readings are looked up by how they begin or end, and ranked by confidence, in these alone.
        Index(
            "ix_plates_mark",
            "mark",
            "confidence",
            postgresql_ops={"mark": "text_pattern_ops"},
            postgresql_include=["id", "image_id", "model_version_id", "detector_score"],
        ),
        Index(
            "ix_plates_mark_reversed",
            func.reverse(text("mark")).label("mark_reversed"),
            "confidence",
            postgresql_ops={"mark_reversed": "text_pattern_ops"},
            postgresql_include=["id", "image_id", "model_version_id", "detector_score", "mark"],
        ),
        # What sightings shows as the mark, and what people are asked about, the least sure first.
        Index(
            "ix_plates_shown_mark",
            func.coalesce(text("corrected_mark"), text("mark")).label("shown_mark"),
            postgresql_ops={"shown_mark": "text_pattern_ops"},
        ),
        Index(
            "ix_plates_doubtful",
            "region",
            "confidence",
            "id",
            postgresql_where=text("review IS NULL"),
        ),
        {"comment": "Plates found and read; see the view sightings for the current ones"},
    )

    id: Mapped[int] = mapped_column(
        BigInteger, Identity(always=True), primary_key=True, comment="Number of the plate"
    )
    image_id: Mapped[int] = mapped_column(
        ForeignKey("images.id", ondelete="CASCADE"), comment="The image it was found on"
    )
    model_version_id: Mapped[int] = mapped_column(
        ForeignKey("model_versions.id"), comment="What found and read it"
    )
    position: Mapped[int] = mapped_column(
        SmallInteger, comment="0 for the leftmost plate of the image, then 1, 2 ..."
    )
    mark: Mapped[str] = mapped_column(
        comment="Registration form: no blanks, no I or O (AB1234); empty where unreadable"
    )
    text: Mapped[str] = mapped_column(comment="What is printed, rows parted by a blank (AB 1234)")
    series: Mapped[str] = mapped_column(comment="Kind of mark: usual, personalised, government ...")
    region: Mapped[str] = mapped_column(comment="Whose plate: HK, CN, MO or other")
    rows: Mapped[int] = mapped_column(SmallInteger, comment="Rows of characters: 1 or 2")
    colour: Mapped[str] = mapped_column(comment="Background: white (front), yellow (rear), other")
    confidence: Mapped[float] = mapped_column(comment="How sure the reading is, 0 to 1")
    character_confidences: Mapped[list[float]] = mapped_column(
        ARRAY(REAL), comment="How sure each character of text is, blanks left out, 0 to 1"
    )
    candidates: Mapped[list[dict[str, Any]]] = mapped_column(
        comment='Other readings, the likeliest first: [{"text": ..., "confidence": ...}]'
    )
    box: Mapped[list[float]] = mapped_column(
        ARRAY(REAL), comment="{x, y, width, height} in pixels of the upright photograph"
    )
    quad: Mapped[list[list[float]]] = mapped_column(
        ARRAY(REAL, dimensions=2),
        comment="{{x,y},...}: the corners in pixels, clockwise from the plate's own top left",
    )
    detector_score: Mapped[float] = mapped_column(comment="How sure the detector is, 0 to 1")
    reader: Mapped[str] = mapped_column(comment="The reader whose text this is")
    # Kept with each review, so that sightings and its indexes need no other table.
    review: Mapped[str | None] = mapped_column(
        comment="What the current review of it says (see reviews); null where there is none"
    )
    corrected_mark: Mapped[str | None] = mapped_column(
        comment="The mark as the current review corrects it, or null"
    )
    corrected_text: Mapped[str | None] = mapped_column(
        comment="What is printed, as the current review corrects it, or null"
    )
    corrected_series: Mapped[str | None] = mapped_column(
        comment="Series of the corrected mark, or null"
    )


class ConfusableCharacters(Base):
    __tablename__ = "confusable_characters"
    __table_args__ = (
        CheckConstraint("probability > 0 AND probability <= 1", "probability"),
        {
            "comment": "Characters of marks that readers take for each other, measured; "
            "search_marks asks it, and you may change it"
        },
    )

    read_character: Mapped[str] = mapped_column(
        primary_key=True, comment="What was read; empty where a character was lost"
    )
    true_character: Mapped[str] = mapped_column(
        primary_key=True, comment="What it was; empty where there was none"
    )
    probability: Mapped[float] = mapped_column(
        comment="How often, of the places where that was read and was wrong; of a lost character, "
        "of all misread marks"
    )
