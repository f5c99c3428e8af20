"""Photographs of a source with their plates drawn in, from what the tables say."""

from pathlib import Path

import sqlalchemy as sa

from hkplates.storage.base import Store
from producer.sources import Source

MOST = 12


def draw(engine: sa.Engine, store: Store, source: Source, target: Path) -> int:
    raise NotImplementedError
