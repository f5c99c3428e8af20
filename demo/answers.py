"""Prints a table of plates, and the SQL that printed it."""

import sqlalchemy as sa
from psycopg import sql
from rich.console import Console
from rich.table import Table

from producer.sources import Source

ROW_LIMIT = 25

_QUERY = """\
SELECT mark, series, colour, rows, round(confidence::numeric, 2) AS confidence, key
  FROM sightings
 WHERE bucket = {bucket} AND starts_with(key, {prefix})
   AND region = 'HK' AND mark <> '' AND complete
 ORDER BY key, mark
 LIMIT {most};"""


def show_plates(engine: sa.Engine, source: Source) -> None:
    """Prints the first plates of a source, and the statement as psql takes it."""
    statement = _statement(source)
    with engine.connect() as connection:
        # Without parameters the driver takes a % for itself.
        result = connection.execution_options(no_parameters=True).exec_driver_sql(statement)
        table = Table(*result.keys())
        for row in result:
            table.add_row(*(str(value) for value in row))
    print()
    Console().print(table)
    print(f"{statement}")


def _statement(source: Source) -> str:
    # The very text is printed for people to change and run again, so values stand in it, quoted by
    # the driver.
    values = {"bucket": source.bucket, "prefix": source.prefix, "most": ROW_LIMIT}
    literals = {name: sql.Literal(value) for name, value in values.items()}
    return sql.SQL(_QUERY).format(**literals).as_string()
