"""The tables of submissions and images.

Names are a contract: people write SQL against them, so each column says what it is.

All times are the database's own clock, except `taken_at`, which is the camera's. States and reasons
are drawn in docs/architecture.md.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    UniqueConstraint,
    false,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from hkplates.database.schema.base import Base, one_of

SUBMISSION_STATES = ("listing", "running", "finished", "paused", "cancelled")
IMAGE_STATES = ("pending", "queued", "done", "failed", "quarantined", "cancelled")


class Submission(Base):
    __tablename__ = "submissions"
    __table_args__ = (
        CheckConstraint(one_of("state", SUBMISSION_STATES), "state"),
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


class Image(Base):
    __tablename__ = "images"
    __table_args__ = (
        # One image is (store, bucket, key, etag). A B-tree entry holds 2,700 bytes at most and a
        # key or a folder's path up to 4,096 characters, so the index is over their digest.
        UniqueConstraint("digest"),
        CheckConstraint("octet_length(digest) = 32", "digest"),
        CheckConstraint(one_of("store", ("s3", "folder")), "store"),
        CheckConstraint(one_of("state", IMAGE_STATES), "state"),
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
