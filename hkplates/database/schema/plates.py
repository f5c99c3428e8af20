"""The tables of plates and of the model versions that read them."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    REAL,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from hkplates.database.schema.base import Base, one_of

REGIONS = ("HK", "CN", "MO", "other")


COLOURS = ("white", "yellow", "other")


class ModelVersionRow(Base):
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
        CheckConstraint(one_of("region", REGIONS), "region"),
        CheckConstraint(one_of("colour", COLOURS), "colour"),
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
        # What is seen of plates that are not seen whole, for the search from either end.
        Index(
            "ix_plates_pattern",
            "pattern",
            postgresql_ops={"pattern": "text_pattern_ops"},
            postgresql_where=text("pattern IS NOT NULL"),
        ),
        Index(
            "ix_plates_pattern_reversed",
            func.reverse(text("pattern")).label("pattern_reversed"),
            postgresql_ops={"pattern_reversed": "text_pattern_ops"},
            postgresql_where=text("pattern IS NOT NULL"),
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
    pattern: Mapped[str | None] = mapped_column(
        comment="Of a plate that is not seen whole the mark with ? for any number of characters "
        "that are not seen (XR746?), else null"
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
