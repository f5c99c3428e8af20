"""A plate that the photograph's edge cuts: from pixels to its row, and to whoever searches it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from servers.ledgers import Ledger, keys, submit, take
from support.mark_queries import found

from hkplates.database.results.save import ImageDone, Results
from hkplates.recognition import marks
from hkplates.recognition.recogniser import Recogniser, open_recogniser
from hkplates.recognition.types import MAX_INCOMPLETE_CONFIDENCE, Photo, PlateReading
from models.synthesis.fonts import FontLibrary
from models.synthesis.samples import sample

SCENES, SEED = 6, 5
KEPT = 0.72  # of a plate's width: the last one or two characters are cut off
MODELS = Path(__file__).parents[3] / "models"


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return open_recogniser(MODELS, "litert", None, "neural")


@pytest.fixture(scope="module")
def cut_plates(recogniser: Recogniser) -> list[tuple[str, Photo, PlateReading]]:
    """Cuts drawn scenes through each plate that is read right and lies upright.

    Returns the whole mark, the photograph that ends in it, and what is read there.
    """
    cut = []
    for number in range(SCENES):
        scene = sample(number, SEED, FontLibrary())
        [whole] = recogniser.recognise([scene.pixels])
        true = {marks.canonical(placed.plate.text) for placed in scene.plates}
        for plate in (one for one in whole if one.mark in true and one.rows == 1):
            edge = round(plate.box.left + KEPT * plate.box.width)
            photo = np.ascontiguousarray(scene.pixels[:, :edge])
            [read] = recogniser.recognise([photo])
            cut += [
                (plate.mark, photo, one) for one in read if one.mark and one.box.right > edge - 9
            ]
    return cut


def test_a_cut_plate_is_never_a_sure_whole_mark(
    cut_plates: list[tuple[str, Photo, PlateReading]],
) -> None:
    assert cut_plates
    assert [
        (mark, one.mark)
        for mark, _, one in cut_plates
        if one.complete and one.confidence > MAX_INCOMPLETE_CONFIDENCE
    ] == []


def test_its_row_says_so_and_the_search_finds_it_from_either_side(
    engine: sa.Engine,
    ledger: Ledger,
    recogniser: Recogniser,
    cut_plates: list[tuple[str, Photo, PlateReading]],
) -> None:
    mark, photo, plate = next(
        (mark, photo, one)
        for mark, photo, one in cut_plates
        # Of digits alone nobody could say on which side more are missing.
        if mark.startswith(one.mark) and len(one.mark) > 2 and one.mark[0].isalpha()
    )
    submit(ledger, keys(2))
    cut, whole = take(ledger)
    results, (height, width) = Results(engine), photo.shape[:2]
    version = results.register_model(recogniser.version)
    seen_whole = replace(plate, mark=mark, text=mark, gaps=(), confidence=0.9)
    results.save(version, [ImageDone(cut, width, height, None, 9, (plate,))])
    results.save(version, [ImageDone(whole, width, height, None, 9, (seen_whole,))])
    pattern = f"{plate.mark}?"
    query = sa.text(
        "SELECT mark, pattern, complete, series, confidence <= 0.5 FROM sightings ORDER BY image_id"
    )
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(query)]
    assert rows[0] == (plate.mark, pattern, False, "unknown", True)
    assert rows[1][:3] == (mark, mark, True)
    assert [one.pattern for one in found(engine, mark)] == [mark, pattern]
    assert {one.pattern for one in found(engine, f"{plate.mark}*")} == {mark, pattern}
