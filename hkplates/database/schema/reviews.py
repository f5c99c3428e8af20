"""The tables of what people say about readings, and of who asked for what.

Rows are added and never changed, but for `reviews.current`.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, func, true
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from hkplates.database.schema.base import Base

VERDICTS = ("accepted", "corrected", "not_a_plate")


class Review(Base):
    __tablename__ = "reviews"
    __table_args__ = (
        CheckConstraint("verdict IN ('accepted', 'corrected', 'not_a_plate')", "verdict"),
        CheckConstraint(
            "num_nulls(mark, text, series) = CASE verdict WHEN 'not_a_plate' THEN 3 ELSE 0 END",
            "mark",
        ),
        CheckConstraint("reviewer <> ''", "reviewer"),
        Index("ix_reviews_plate_id", "plate_id"),
        # One word counts for each plate, whoever speaks at the same moment.
        Index("uq_reviews_current", "plate_id", unique=True, postgresql_where=sql("current")),
        # search_marks finds a plate by what a person said that it bears.
        Index(
            "ix_reviews_mark",
            "mark",
            postgresql_ops={"mark": "text_pattern_ops"},
            postgresql_where=sql("current"),
        ),
        {
            "comment": "What people said about readings: a row for each time, never changed but "
            "for `current`"
        },
    )

    id: Mapped[int] = mapped_column(
        BigInteger, Identity(always=True), primary_key=True, comment="Number of the review"
    )
    plate_id: Mapped[int] = mapped_column(
        ForeignKey("plates.id", ondelete="CASCADE"), comment="The plate that was looked at"
    )
    verdict: Mapped[str] = mapped_column(comment="accepted, corrected or not_a_plate")
    mark: Mapped[str | None] = mapped_column(
        comment="The true mark, in registration form; null: no plate"
    )
    text: Mapped[str | None] = mapped_column(comment="What is printed in truth; null: no plate")
    series: Mapped[str | None] = mapped_column(comment="Series of the true mark; null: no plate")
    reviewer: Mapped[str] = mapped_column(comment="Who said so")
    reviewed_at: Mapped[datetime] = mapped_column(
        server_default=func.now(), comment="When that was said"
    )
    note: Mapped[str | None] = mapped_column(comment="What the reviewer wrote beside it, or null")
    current: Mapped[bool] = mapped_column(
        server_default=true(), comment="Whether it is the latest word on this plate"
    )
    carried_from: Mapped[int | None] = mapped_column(
        BigInteger,
        comment="The review that this one repeats for the plate of another model version at the "
        "same place, or null",
    )


class Audit(Base):
    __tablename__ = "audit"
    __table_args__ = (
        CheckConstraint("actor <> ''", "actor"),
        CheckConstraint("action <> ''", "action"),
        Index("ix_audit_happened_at", "happened_at"),
        {
            "comment": "Who did what in the page: a row for each search, look and change, never "
            "changed"
        },
    )

    id: Mapped[int] = mapped_column(
        BigInteger, Identity(always=True), primary_key=True, comment="Number of the entry"
    )
    happened_at: Mapped[datetime] = mapped_column(server_default=func.now(), comment="When")
    actor: Mapped[str] = mapped_column(comment="Who: a login of the page, or a name of their own")
    action: Mapped[str] = mapped_column(
        comment="What: search, sighting, review, login, login_failed, export ..."
    )
    subject: Mapped[dict[str, Any]] = mapped_column(
        server_default=sql("'{}'::jsonb"),
        comment="To what: the question, the plate, the submission, as a JSON object",
    )
    purpose: Mapped[str | None] = mapped_column(comment="What for, where somebody said so")
    address: Mapped[str | None] = mapped_column(comment="Network address it came from, or null")
