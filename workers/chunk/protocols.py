"""What the pipeline needs of the rooms beside it."""

from collections.abc import Sequence
from typing import Protocol

from hkplates.database.schema.failure_reasons import Trouble
from hkplates.jobs import ImageRef
from hkplates.recognition.types import Found, Photo, PlateReading


class Recogniser(Protocol):
    """Of hkplates.recognition.recogniser.Recogniser."""

    def find(self, photo: Photo) -> list[Found]: ...
    def read(self, found: Sequence[Found]) -> list[PlateReading]: ...


class Ledger(Protocol):
    """Of hkplates.database.ledger.intake.Ledger."""

    def claim(
        self, refs: Sequence[ImageRef], lease_seconds: float, *, alone: bool = True
    ) -> list[ImageRef]: ...
    def hand_back(self, image_ids: Sequence[int], *, delay: bool = False) -> int: ...
    def blame(self, image_id: int, trouble: Trouble) -> None: ...
    def witnesses(self, image_ids: Sequence[int]) -> dict[int, ImageRef]: ...
