"""Polls the tables of a run, whose database may be away."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from faults.expectations import ObjectId, Outcome


@dataclass(frozen=True, slots=True)
class StateCounts:
    """Counts of images by state."""

    counts: Counter[str]

    @property
    def unfinished(self) -> int:
        return self.counts["pending"] + self.counts["queued"]

    @property
    def finished(self) -> int:
        return self.counts.total() - self.unfinished


class DatabasePoller:
    """Polls a database; a query while it is away returns None."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection[Any] | None = None

    def try_query(self, query: str) -> list[tuple[Any, ...]] | None:
        """Returns the rows, or None while the database is away."""
        try:
            if self._connection is None or self._connection.closed:
                self._connection = psycopg.connect(self._url, autocommit=True, connect_timeout=3)
            return self._connection.execute(query.encode()).fetchall()
        except psycopg.OperationalError:
            self.close()
            return None

    def query(self, query: str) -> list[tuple[Any, ...]]:
        """Returns the rows; the database must be there."""
        rows = self.try_query(query)
        if rows is None:
            rows = self.try_query(query)  # the connection had died since it was last asked
        assert rows is not None, "the database is away"
        return rows

    def state_counts(self) -> StateCounts | None:
        rows = self.try_query(COUNT_STATES)
        return None if rows is None else StateCounts(Counter(dict(rows)))

    def ids(self, query: str) -> frozenset[int]:
        """Returns ids of images; none while the database is away."""
        return frozenset(row[0] for row in self.try_query(query) or ())

    def outcomes(self) -> Iterator[tuple[ObjectId, Outcome]]:
        """Yields the outcome of each image, with the plates of all model versions."""
        for key, etag, state, reason, superseded, plates in self.query(IMAGE_OUTCOMES):
            sorted_plates = tuple(tuple(sorted(plate.items())) for plate in plates)
            yield (key, etag), Outcome(state, reason, superseded, sorted_plates)

    def texts(self) -> Iterator[tuple[str, str]]:
        """Yields every table's rows as text."""
        for (table,) in self.query(TABLE_NAMES):
            rows = self.query(f'SELECT t::text FROM "{table}" AS t')  # noqa: S608  (our own names)
            yield f"table {table}", "\n".join(row[0] for row in rows)

    def close(self) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
        self._connection = None


# Counts images by state.
COUNT_STATES = "SELECT state, count(*) FROM images GROUP BY state"
# Counts submissions that are listed to the end.
COUNT_LISTED = "SELECT count(*) FROM submissions WHERE listed_at IS NOT NULL"
# Selects images that a worker has claimed.
CLAIMED_IMAGES = "SELECT id FROM images WHERE state = 'queued' AND attempts > 0"
# Selects images that were sent.
QUEUED_IMAGES = "SELECT id FROM images WHERE state = 'queued'"
# Selects the states of submissions.
SUBMISSION_STATES = "SELECT state FROM submissions"
# Selects the names of all tables.
TABLE_NAMES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
# Selects the times at which good images were processed, in seconds. Not those of others: bad ones
# are tried again by each producer that is started again, and poison takes its three attempts.
PROCESSED_TIMES = """
    SELECT id, extract(epoch FROM processed_at)::float8 FROM images WHERE state = 'done'
"""
# Selects every image's outcome with its plates as JSON.
IMAGE_OUTCOMES = """
    SELECT key, etag, state, reason, superseded,
           (SELECT coalesce(jsonb_agg(to_jsonb(p) - 'id' - 'image_id' - 'model_version_id'
                                      ORDER BY p.position, p.id), '[]')
              FROM plates p WHERE p.image_id = images.id) AS plates
      FROM images
"""
# Counts the rows of the view.
COUNT_SIGHTINGS = "SELECT count(*) FROM sightings"
# Counts attempts beyond the first of each image.
COUNT_EXTRA_ATTEMPTS = (
    "SELECT coalesce(sum(attempts - 1) FILTER (WHERE attempts > 1), 0) FROM images"
)
