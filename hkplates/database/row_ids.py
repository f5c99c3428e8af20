"""Compares ids of rows with numbers that somebody typed."""

import sqlalchemy as sa

LARGEST = 2**63 - 1
# Not sa.false(), for which SQLAlchemy would drop the conditions of joins beside it.
NO_ROW = sa.literal_column("false", sa.Boolean)


def id_equals(column: sa.SQLColumnExpression[int], number: int) -> sa.ColumnElement[bool]:
    """Returns the condition that a row has this id; one beyond 64 bits no row has."""
    if -LARGEST <= number <= LARGEST:
        return column == number
    return NO_ROW
