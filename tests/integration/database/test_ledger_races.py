"""Tests a chunk delivered twice at once, to workers on connections of their own."""

from collections.abc import Iterator, Sequence

import pytest
import sqlalchemy as sa
from servers.ledgers import Ledger, at_once, column, keys, states, submit

from hkplates.database.engine import open_engine
from hkplates.database.ledger.claims import Claims
from hkplates.database.queries import submissions
from hkplates.database.results.save import ImageDone, ImageFailed, Outcome, Results
from hkplates.jobs import ImageRef
from hkplates.recognition.model_version import ModelVersion
from hkplates.recognition.types import PlateReading, Quad

ROUNDS, IMAGES = 25, 12
QUAD = Quad((10, 20), (110, 22), (109, 62), (9, 60))


def plate(text: str) -> PlateReading:
    sure = (0.9,) * len(text.replace(" ", ""))
    mark = text.replace(" ", "")
    return PlateReading(mark, text, "HK", "usual", 1, "white", 0.9, sure, (), QUAD, 0.9, "r")


def outcomes(images: Sequence[ImageRef]) -> list[Outcome]:
    """Returns a third each: two plates, none, and an image that cannot be read."""
    return [
        ImageFailed(image, "truncated", "it ends too soon")
        if image.id % 3 == 0
        else ImageDone(
            image, 9, 9, None, 1, (plate("AB 1234"), plate("XY 99"))[: 4 - image.id % 3 * 2]
        )
        for image in images
    ]


@pytest.fixture
def rivals(database_url: str) -> Iterator[list[sa.Engine]]:
    """Two workers, each with connections of its own."""
    engines = [open_engine(database_url), open_engine(database_url)]
    yield engines
    for engine in engines:
        engine.dispose()


def test_a_chunk_delivered_twice_at_once_ends_with_one_set_of_rows(
    ledger: Ledger, engine: sa.Engine, rivals: list[sa.Engine]
) -> None:
    version = Results(engine).register_model(ModelVersion("d", "r", {}))
    for number in range(ROUNDS):
        submit(ledger, keys(IMAGES, first=number * IMAGES))
        chunk = ledger.dispatch.take_pending(IMAGES, 600)

        def work(rival: sa.Engine, chunk: list[ImageRef]) -> None:
            claimed = Claims(rival).claim(chunk, 600)
            Results(rival).save(version, outcomes(claimed))

        at_once(
            lambda chunk=chunk: work(rivals[0], chunk),
            lambda chunk=chunk: work(rivals[1], chunk[::-1]),
        )
    assert states(engine) == {"done": ROUNDS * IMAGES * 2 / 3, "failed": ROUNDS * IMAGES / 3}
    assert_one_set_of_rows(engine)
    [counts] = {submissions.count_images(engine, one).left for one in (1, 2)}
    assert counts == 0


def test_results_saved_twice_at_once_are_one_set_of_rows(
    ledger: Ledger, engine: sa.Engine, rivals: list[sa.Engine]
) -> None:
    """Both have worked on it when they meet: every claim was made before any result."""
    version = Results(engine).register_model(ModelVersion("d", "r", {}))
    for number in range(ROUNDS):
        submit(ledger, keys(IMAGES, first=number * IMAGES))
        chunk = ledger.dispatch.take_pending(IMAGES, 600)
        found = [outcomes(Claims(rival).claim(chunk, 600)) for rival in rivals]
        assert len(found[0]) == len(found[1]) == IMAGES
        at_once(
            lambda found=found: Results(rivals[0]).save(version, found[0]),
            lambda found=found: Results(rivals[1]).save(version, found[1][::-1]),
        )
    assert states(engine) == {"done": ROUNDS * IMAGES * 2 / 3, "failed": ROUNDS * IMAGES / 3}
    assert_one_set_of_rows(engine)


def test_claims_at_once_are_counted_each(
    ledger: Ledger, engine: sa.Engine, rivals: list[sa.Engine]
) -> None:
    """So that an image which kills two workers at once is not forgiven one of them."""
    submit(ledger, keys(IMAGES))
    chunk = ledger.dispatch.take_pending(IMAGES, 600)
    at_once(*(lambda rival=rival: Claims(rival).claim(chunk, 600) for rival in rivals))
    assert set(column(engine, "SELECT attempts FROM images")) == {2}


def assert_one_set_of_rows(engine: sa.Engine) -> None:
    """Asserts that each image that shows plates has its two, in place, and the others none."""
    query = (
        "SELECT string_agg(position || mark, ' ' ORDER BY position) FROM plates GROUP BY image_id"
    )
    found = column(engine, query)
    assert len(found) == ROUNDS * IMAGES / 3
    assert set(found) == {"0AB1234 1XY99"}
    assert column(engine, "SELECT count(*) FROM sightings") == [2 * len(found)]
