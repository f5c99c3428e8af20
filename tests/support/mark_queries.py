"""Searches for marks, with the conditions as keyword arguments."""

from typing import Any

import sqlalchemy as sa

from hkplates.database.queries.mark_search import MarkQuery, Match, Matches, search
from hkplates.database.sighting_filter import SightingFilter


def search_for(engine: sa.Engine, pattern: str, **given: Any) -> Matches:
    """Searches for a pattern; `since`, `until` and `prefix` go into the filter, the others into the
    query."""
    where = {name: given.pop(name) for name in ("since", "until", "prefix") if name in given}
    return search(engine, MarkQuery(pattern, SightingFilter(**where), **given))


def found(engine: sa.Engine, pattern: str, **given: Any) -> list[Match]:
    """Returns the sightings that such a search finds."""
    return search_for(engine, pattern, **given).found
