"""Reviews that plates of another model version inherit, on a real Postgres."""

from dataclasses import replace

import pytest
import sqlalchemy as sa
from servers.ledgers import Ledger, at_once, column, execute, keys, submit, take

from hkplates.database.results.save import ImageDone, Results
from hkplates.database.reviews.corrections import corrections
from hkplates.database.reviews.reviews import Review, history, record
from hkplates.jobs import ImageRef
from hkplates.recognition.model_version import ModelVersion
from hkplates.recognition.types import PlateReading, Quad

READ = PlateReading(
    mark="A81234",
    text="A8 1234",
    region="HK",
    series="personalised",
    rows=1,
    colour="white",
    confidence=0.5,
    character_confidences=(0.5,) * 6,
    candidates=(),
    quad=Quad((10, 20), (110, 22), (109, 62), (9, 60)),
    detector_score=0.9,
    reader="neural",
)
ASIDE = replace(READ, quad=Quad((14, 23), (113, 25), (112, 65), (12, 63)))
TRUE = replace(ASIDE, mark="AB1234", text="AB 1234", series="usual", confidence=0.9)
ELSEWHERE = replace(READ, quad=Quad((310, 20), (410, 22), (409, 62), (309, 60)))


@pytest.fixture
def image(engine: sa.Engine, ledger: Ledger) -> ImageRef:
    submit(ledger, keys(1))
    [claimed] = take(ledger)
    return claimed


def read(engine: sa.Engine, image: ImageRef, version: int, *plates: PlateReading) -> list[int]:
    """Saves a model version's reading of the photograph; returns the numbers of its plates."""
    results = Results(engine)
    numbers = [results.register_model(ModelVersion(f"d{n}", "r", {})) for n in (1, 2)]
    execute(engine, "UPDATE images SET state = 'pending', leased_until = NULL")
    results.save(numbers[version - 1], [ImageDone(image, 640, 480, None, 12, plates)])
    query = sa.text("SELECT id FROM plates WHERE model_version_id = :version ORDER BY position")
    with engine.connect() as connection:
        found = connection.execute(query, {"version": numbers[version - 1]})
        return list(found.scalars())


def seen(engine: sa.Engine) -> list[object]:
    query = "SELECT mark || ' ' || coalesce(review, 'nobody') FROM sightings ORDER BY position"
    return column(engine, query)


def test_the_plate_of_a_new_version_at_the_same_place_inherits_a_correction(
    engine: sa.Engine, image: ImageRef
) -> None:
    [old] = read(engine, image, 1, READ)
    said = record(engine, old, "corrected", text="AB 1234", reviewer="ada", note="clear")
    away, new = read(engine, image, 2, ELSEWHERE, ASIDE)
    assert seen(engine) == ["A81234 nobody", "AB1234 corrected"]
    [carried] = history(engine, new)
    assert carried == replace(said, id=carried.id, plate_id=new, carried_from=said.id)
    assert (history(engine, away), history(engine, old)) == ([], [said])


def test_where_the_new_version_reads_what_the_person_said_it_is_accepted(
    engine: sa.Engine, image: ImageRef
) -> None:
    [old] = read(engine, image, 1, READ)
    record(engine, old, "corrected", text="AB 1234", reviewer="ada")
    read(engine, image, 2, TRUE)
    assert seen(engine) == ["AB1234 accepted"]


def test_a_reading_other_than_the_accepted_one_inherits_a_correction(
    engine: sa.Engine, image: ImageRef
) -> None:
    [old] = read(engine, image, 1, TRUE)
    record(engine, old, "accepted", reviewer="ada")
    read(engine, image, 2, READ)
    assert seen(engine) == ["AB1234 corrected"]


def test_what_was_no_plate_is_none_for_a_new_version(engine: sa.Engine, image: ImageRef) -> None:
    [old] = read(engine, image, 1, READ)
    record(engine, old, "not_a_plate", reviewer="ada")
    read(engine, image, 2, ASIDE, ELSEWHERE)
    assert seen(engine) == ["A81234 nobody"]


def test_a_review_of_a_plate_that_the_new_version_does_not_find_stays_with_the_old_plate(
    engine: sa.Engine, image: ImageRef
) -> None:
    [old] = read(engine, image, 1, READ)
    said = record(engine, old, "corrected", text="AB 1234", reviewer="ada")
    read(engine, image, 2, ELSEWHERE)
    assert seen(engine) == ["A81234 nobody"]
    assert history(engine, old) == [said]


def test_the_same_version_leaves_what_people_spoke_of_as_it_is(
    engine: sa.Engine, image: ImageRef
) -> None:
    plates = read(engine, image, 1, READ, ELSEWHERE)
    said: list[Review] = [record(engine, one, "accepted", reviewer="ada") for one in plates[:1]]
    assert read(engine, image, 1, READ, ELSEWHERE) == plates
    assert history(engine, plates[0]) == said
    assert column(engine, "SELECT state FROM images") == ["done"]


def test_a_version_that_comes_back_inherits_the_latest_review(
    engine: sa.Engine, image: ImageRef
) -> None:
    [old] = read(engine, image, 1, READ)
    record(engine, old, "corrected", text="AB 1234", reviewer="ada")
    [new] = read(engine, image, 2, ASIDE)
    latest = record(engine, new, "corrected", text="AB 1235", reviewer="bo")
    assert read(engine, image, 1, READ) == [old]
    assert seen(engine) == ["AB1235 corrected"]
    assert [one.carried_from for one in history(engine, old)] == [latest.id, None]
    read(engine, image, 2, ASIDE)
    assert [one.text for one in corrections(engine)] == ["AB 1235"]


def test_an_inherited_review_is_exported_once(engine: sa.Engine, image: ImageRef) -> None:
    [old] = read(engine, image, 1, READ)
    record(engine, old, "corrected", text="AB 1234", reviewer="ada")
    [new] = read(engine, image, 2, ASIDE)
    assert [(one.plate_id, one.text) for one in corrections(engine)] == [(new, "AB 1234")]


def test_a_plate_that_is_read_anew_while_it_is_reviewed_loses_no_review(
    engine: sa.Engine, image: ImageRef
) -> None:
    [plate] = read(engine, image, 1, READ)
    # A plate that nobody has spoken of is made anew, under another number.
    words = [record(engine, plate, "accepted", reviewer="ada", note="first")]

    def review() -> None:
        for n in range(10):
            words.append(record(engine, plate, "accepted", reviewer="ada", note=f"{n}"))

    def again() -> None:
        for _ in range(10):
            read(engine, image, 1, READ)

    at_once(review, again)
    said = [one.note for one in history(engine, plate)]
    assert sorted(map(str, said)) == sorted([*map(str, range(10)), "first"])
    assert len(words) == 11
    assert seen(engine) == ["A81234 accepted"]


def test_a_photograph_without_reviews_is_asked_once_for_them_and_a_new_one_never(
    engine: sa.Engine, image: ImageRef
) -> None:
    asked: list[str] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *a: asked.append(a[2]))
    read(engine, image, 1, READ)
    assert [one for one in asked if "reviews" in one] == []
    read(engine, image, 2, ASIDE)
    assert len([one for one in asked if "reviews" in one]) == 1


def test_the_latest_review_of_a_place_is_the_one_label_whichever_versions_plate_it_names(
    engine: sa.Engine, image: ImageRef
) -> None:
    old, far = read(engine, image, 1, READ, ELSEWHERE)
    for plate in (old, far):
        record(engine, plate, "corrected", text="AB 1234", reviewer="ada")
    [new] = read(engine, image, 2, ASIDE)
    record(engine, old, "corrected", text="AB 1235", reviewer="bo")
    assert labels(engine) == [(old, "AB 1235"), (far, "AB 1234")]
    record(engine, new, "accepted", reviewer="ada")
    assert labels(engine) == [(far, "AB 1234"), (new, "A8 1234")]
    record(engine, old, "not_a_plate", reviewer="bo")
    assert labels(engine) == [(old, None), (far, "AB 1234")]


def labels(engine: sa.Engine) -> list[tuple[int, str | None]]:
    return sorted((one.plate_id, one.text) for one in corrections(engine))


PART = replace(READ, mark="AB123", text="AB 123", series="unknown", gaps=(5,))
MORE = replace(PART, mark="AB12", text="AB 12", gaps=(4,))


def shown(engine: sa.Engine) -> list[object]:
    query = "SELECT pattern || ' ' || complete || ' ' || coalesce(review, 'nobody') FROM sightings"
    return column(engine, query)


def test_a_whole_mark_that_a_person_said_stays_whole_where_a_version_sees_a_part(
    engine: sa.Engine, image: ImageRef
) -> None:
    [old] = read(engine, image, 1, replace(PART, gaps=()))
    record(engine, old, "accepted", reviewer="ada")
    read(engine, image, 2, PART)
    assert shown(engine) == ["AB123 true corrected"]


def test_what_was_accepted_of_a_part_is_inherited_by_the_same_part_alone(
    engine: sa.Engine, image: ImageRef
) -> None:
    [old] = read(engine, image, 1, PART)
    record(engine, old, "accepted", reviewer="ada")
    assert shown(engine) == ["AB123? false accepted"]
    read(engine, image, 2, PART)
    assert shown(engine) == ["AB123? false accepted"]


@pytest.mark.parametrize("new", [MORE, TRUE])
def test_a_version_that_sees_it_otherwise_is_not_bound_by_an_accepted_part(
    engine: sa.Engine, image: ImageRef, new: PlateReading
) -> None:
    [old] = read(engine, image, 1, PART)
    record(engine, old, "accepted", reviewer="ada")
    read(engine, image, 2, new)
    assert shown(engine) == [f"{new.pattern} {str(new.complete).lower()} nobody"]


def test_a_correction_of_a_part_is_inherited_as_the_whole_mark(
    engine: sa.Engine, image: ImageRef
) -> None:
    [old] = read(engine, image, 1, PART)
    record(engine, old, "corrected", text="AB 1234", reviewer="ada")
    read(engine, image, 2, MORE)
    assert shown(engine) == ["AB1234 true corrected"]
