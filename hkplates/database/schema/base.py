"""Defines the base of all tables: names of constraints, and the SQL types of Python's."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    REAL,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The base of all tables."""

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


def one_of(column: str, values: tuple[str, ...]) -> str:
    """Returns the condition of a check constraint that a column holds one of these values."""
    return f"{column} IN ({', '.join(repr(value) for value in values)})"
