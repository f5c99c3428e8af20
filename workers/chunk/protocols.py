"""Interfaces that the pipeline needs of the recogniser and the ledger."""

from collections.abc import Sequence
from typing import Protocol

from hkplates.database.schema.failure_reasons import FailureCause
from hkplates.jobs import ImageRef
from hkplates.recognition.types import DetectedPlate, Photo, PlateReading


class Recogniser(Protocol):
    """The part of hkplates.recognition.recogniser.Recogniser that a chunk needs."""

    def find(self, photo: Photo) -> list[DetectedPlate]: ...
    def read(self, found: Sequence[DetectedPlate]) -> list[PlateReading]: ...


class ClaimsLedger(Protocol):
    """The part of hkplates.database.ledger.claims.Claims that a chunk needs."""

    def claim(
        self, refs: Sequence[ImageRef], lease_seconds: float, *, alone: bool = True
    ) -> list[ImageRef]: ...
    def release(self, image_ids: Sequence[int], *, delay: bool = False) -> int: ...
    def record_failure_cause(self, image_id: int, cause: FailureCause) -> None: ...
    def canaries(self, image_ids: Sequence[int]) -> dict[int, ImageRef]: ...
