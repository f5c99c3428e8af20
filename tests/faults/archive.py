"""Fills the bucket of a run, and changes some of its objects after they were listed."""

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
    """A bucket and the images that belong into it."""

    s3: S3
    bucket: str
    images: Sequence[SampleImage]

    @property
    def source(self) -> str:
        return f"s3://{self.bucket}/2026/"

    def put(self, images: Iterable[SampleImage]) -> None:
        client: Any = self.s3.client()

        def put(image: SampleImage) -> None:
            client.put_object(Bucket=self.bucket, Key=image.key, Body=image.data)

        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(put, images))

    def put_harmless(self) -> None:
        """Stores all but the poison, as listed: what the baseline run reads."""
        self.put(one for one in self.images if one.kind not in POISON)

    def put_poison(self) -> None:
        self.put(one for one in self.images if one.kind in POISON)

    def tamper(self) -> None:
        """Deletes some objects and replaces others, after the listing."""
        client: Any = self.s3.client()
        for image in self.images:
            if image.kind == "missing":
                client.delete_object(Bucket=self.bucket, Key=image.key)
            elif image.kind == "changed":
                body = replacement(image).data
                client.put_object(Bucket=self.bucket, Key=image.key, Body=body)

    def expected_outcomes(
        self, baseline: Mapping[ObjectId, Plates], *, listed_again: bool
    ) -> dict[ObjectId, Outcome]:
        """Returns how every image must end, with the plates of the baseline run.

        A replaced object is two images where a producer that was killed and started again has
        listed the source once more: what was there first is superseded, and what is there is read.
        """
        outcomes: dict[ObjectId, Outcome] = {}
        for image in self.images:
            plates = baseline[image.object_id] if image.kind == "good" else ()
            changed = image.kind == "changed" and listed_again
            outcomes[image.object_id] = Outcome(
                *image.expected_state, superseded=changed, plates=plates
            )
            if changed:
                # The same pixels as were listed, which the baseline run has read.
                outcomes[replacement(image).object_id] = Outcome(
                    "done", plates=baseline[image.object_id]
                )
        return outcomes


def make_archive(s3: S3, images: Sequence[SampleImage]) -> Archive:
    """Makes a bucket of this run alone, still empty."""
    name = f"car-park-{secrets.token_hex(3)}"
    s3.client().create_bucket(Bucket=name)
    return Archive(s3, name, images)
