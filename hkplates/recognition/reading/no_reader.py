"""A reader for those who only want to know where plates are."""

from collections.abc import Sequence

from hkplates.recognition.reading.versions import NO_READER
from hkplates.recognition.types import Crop, TextReading


class NoReader:
    """Leaves every plate unread."""

    name = "none"
    version = NO_READER

    def read(self, crops: Sequence[Crop]) -> list[TextReading]:
        """Returns an empty reading for each crop."""
        return [TextReading("", 0.0, (), 1) for _ in crops]
