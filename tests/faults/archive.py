"""The bucket of a run: images stored, and some of them changed after they were listed."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from faults.expectations import ObjectId, Outcome, Plates
from faults.pictures import POISON, SampleImage, replacement
from servers.s3 import S3

THREADS = 4


@dataclass(frozen=True)
class Archive:
    """A bucket and what was put there."""

    s3: S3
    bucket: str
    images: Sequence[SampleImage]

    @property
    def source(self) -> str:
        return f"s3://{self.bucket}/2026/"

    def put(self, pictures: Iterable[SampleImage]) -> None:
        client: Any = self.s3.client()

        def put(picture: SampleImage) -> None:
            client.put_object(Bucket=self.bucket, Key=picture.key, Body=picture.data)

        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(put, pictures))

    def put_harmless(self) -> None:
        """All but the poison, as listed: what the fault-free run reads."""
        self.put(one for one in self.images if one.kind not in POISON)

    def put_poison(self) -> None:
        self.put(one for one in self.images if one.kind in POISON)

    def tamper(self) -> None:
        """After the listing: delete some objects and replace others."""
        client: Any = self.s3.client()
        for picture in self.images:
            if picture.kind == "missing":
                client.delete_object(Bucket=self.bucket, Key=picture.key)
            elif picture.kind == "changed":
                body = replacement(picture).data
                client.put_object(Bucket=self.bucket, Key=picture.key, Body=body)

    def expected_outcomes(
        self, baseline: Mapping[ObjectId, Plates], *, listed_again: bool
    ) -> dict[ObjectId, Outcome]:
        """How every image must end, with the plates of the fault-free run.

        A replaced object is two images where a producer that was killed and started again has
        listed the source once more: what was there first is superseded, and what is there is read.
        """
        ends: dict[ObjectId, Outcome] = {}
        for picture in self.images:
            plates = baseline[picture.object_id] if picture.kind == "good" else ()
            changed = picture.kind == "changed" and listed_again
            ends[picture.object_id] = Outcome(
                *picture.expected_state, superseded=changed, plates=plates
            )
            if changed:
                # The same pixels as were listed, which the fault-free run has read.
                ends[replacement(picture).object_id] = Outcome(
                    "done", plates=baseline[picture.object_id]
                )
        return ends


def make_archive(s3: S3, pictures: Sequence[SampleImage]) -> Archive:
    """A bucket of this run alone, still empty."""
    name = f"car-park-{secrets.token_hex(3)}"
    s3.client().create_bucket(Bucket=name)
    return Archive(s3, name, pictures)
