"""The figures of `make accuracy`, on readings written by hand."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.accuracy import box_iou, measure, table
from benchmarks.reliability import Judged

BOX = [100.0, 100.0, 100.0, 30.0]
ELSEWHERE = [400.0, 300.0, 100.0, 30.0]


def plate(text: str | None = "AG5555", **more: Any) -> dict[str, Any]:
    return {"box": BOX, "text": text, "lines": 1, "color": "white", "hk": True, **more}


def photo(*plates: dict[str, Any], file: str = "hk_1.jpg", country: str = "HK") -> dict[str, Any]:
    return {"file": file, "country": country, "plates": list(plates)}


def report(
    mark: str = "AG5555", box: list[float] = BOX, region: str = "HK", confidence: float = 0.9
) -> dict[str, Any]:
    return {"mark": mark, "box": box, "region": region, "confidence": confidence}


def figures(
    label: dict[str, Any], *reports: dict[str, Any], group: str = "all"
) -> dict[str, float]:
    return measure([label], {label["file"]: reports})[0][group].figures()


def test_a_mark_read_in_its_place_is_found_and_exact() -> None:
    told = figures(photo(plate()), report())
    assert (told["found"], told["exact"], told["cer"], told["precision"]) == (1, 1, 0, 1)


def test_i_and_o_count_as_1_and_0() -> None:
    assert figures(photo(plate("NARITA")), report("NAR1TA"))["exact"] == 1


def test_one_wrong_character_is_wrong_and_a_sixth_of_character_error() -> None:
    told = figures(photo(plate()), report("AG5556"))
    assert (told["exact"], told["wrong"]) == (0, 1)
    assert told["cer"] == pytest.approx(1 / 6)


def test_a_plate_not_reported_is_all_character_error_and_not_wrong() -> None:
    told = figures(photo(plate()))
    assert (told["found"], told["cer"], told["wrong"]) == (0, 1, 0)


def test_a_photograph_not_read_at_all_counts_as_unread() -> None:
    tallies, misses, _ = measure([photo(plate())], {})
    assert tallies["all"].figures()["exact"] == 0
    assert [(miss.mark, miss.read) for miss in misses] == [("AG5555", None)]


def test_a_report_beside_the_plate_is_false_and_the_plate_unread() -> None:
    told = figures(photo(plate()), report(box=ELSEWHERE))
    assert (told["exact"], told["false"]) == (0, 1)


def test_a_loose_box_can_be_exact_and_not_found() -> None:
    loose = [80.0, 90.0, 140.0, 50.0]
    told = figures(photo(plate()), report(box=loose))
    assert (told["found"], told["exact"]) == (0, 1)


def test_a_plate_reported_without_a_mark_is_found_and_nothing_else() -> None:
    told = figures(photo(plate()), report(""))
    assert (told["found"], told["exact"], told["wrong"], told["false"]) == (1, 0, 0, 0)


def test_a_plate_that_nobody_could_read_is_neither_asked_for_nor_false() -> None:
    tallies, _, _ = measure([photo(plate(None))], {"hk_1.jpg": [report()]})
    assert (tallies["all"].asked, tallies["all"].false) == (0, 0)


def test_a_mainland_plate_reported_as_hong_kongs_is_false() -> None:
    assert figures(photo(plate(hk=False)), report())["false"] == 1


def test_what_is_reported_of_another_region_counts_for_nothing() -> None:
    told = figures(photo(plate(hk=False)), report(region="other"))
    assert (told["false"], told["foreign"]) == (0, 0)


def test_a_foreign_plate_taken_for_ours_is_foreign_and_a_sign_there_is_false() -> None:
    label = photo(plate(hk=False), country="RO")
    told = figures(label, report(), report("EX1T", ELSEWHERE))
    assert (told["foreign"], told["false"]) == (1, 1)


@pytest.mark.parametrize(
    ("file", "more", "group"),
    [
        ("hkb_1.jpg", {}, "bridge"),
        ("hk_1.jpg", {}, "varied"),
        ("hk_1.jpg", {"lines": 2}, "two rows"),
        ("hk_1.jpg", {"lines": 1}, "one row"),
        ("hk_1.jpg", {"color": "yellow"}, "yellow"),
    ],
)
def test_a_plate_counts_in_its_groups(file: str, more: dict[str, Any], group: str) -> None:
    tallies, _, _ = measure([photo(plate(**more), file=file)], {file: [report()]})
    assert tallies[group].exact == tallies["all"].exact == 1


def test_the_table_has_a_line_for_each_group_that_was_asked_for() -> None:
    tallies, _, _ = measure([photo(plate())], {"hk_1.jpg": [report()]})
    first_words = [line.split()[0] for line in table(tallies).splitlines()]
    assert first_words == ["asked", "all", "varied", "one", "white"]


def test_each_report_that_can_be_judged_is_with_its_confidence() -> None:
    judged = [
        *measure([photo(plate())], {"hk_1.jpg": [report(confidence=0.8)]}).judged,
        *measure([photo(plate())], {"hk_1.jpg": [report("AG555", confidence=0.4)]}).judged,
        *measure([photo()], {"hk_1.jpg": [report("EX1T", confidence=0.3)]}).judged,
    ]
    assert judged == [Judged(0.8, True), Judged(0.4, False), Judged(0.3, False)]


def test_a_foreign_plate_taken_for_ours_is_judged_wrong() -> None:
    label = photo(plate(hk=False), country="RO")
    assert measure([label], {"hk_1.jpg": [report()]}).judged == [Judged(0.9, False)]


def test_what_nobody_could_read_and_what_was_not_read_are_not_judged() -> None:
    unreadable = measure([photo(plate(None))], {"hk_1.jpg": [report()]})
    unread = measure([photo(plate())], {"hk_1.jpg": [report("")]})
    assert (unreadable.judged, unread.judged) == ([], [])


BOXES = st.lists(st.integers(1, 100), min_size=4, max_size=4)


@given(BOXES, BOXES)
def test_overlap_is_a_share_and_the_same_both_ways(one: list[int], other: list[int]) -> None:
    assert 0 <= box_iou(one, other) <= 1
    assert box_iou(one, other) == pytest.approx(box_iou(other, one))
    assert box_iou(one, one) == pytest.approx(1)
