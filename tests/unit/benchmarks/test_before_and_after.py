"""Two folders of models are compared on the same photographs, plate by plate."""

from benchmarks.accuracy import Miss
from benchmarks.before_and_after import SHOWN, Outcome, comparison, share_found

PLATE = {"box": [10, 10, 100, 30], "text": "AB1234", "hk": True}
UNREAD = {"box": [200, 10, 100, 30], "text": None, "hk": True}
FOREIGN = {"box": [10, 100, 100, 30], "text": None, "hk": False}
LABELS = [{"file": "a.jpg", "country": "HK", "plates": [PLATE, UNREAD, FOREIGN]}]


def report(plate, region="HK"):
    return {"box": plate["box"], "region": region, "mark": "", "confidence": 0.9}


def test_plates_without_text_are_asked_to_be_found_and_foreign_ones_are_not():
    assert share_found(LABELS, {"a.jpg": [report(UNREAD)]}) == 0.5
    assert share_found(LABELS, {"a.jpg": [report(PLATE), report(UNREAD)]}) == 1.0
    assert share_found(LABELS, {"a.jpg": [report(PLATE, "other"), report(FOREIGN)]}) == 0.0


def test_nothing_to_find_is_no_division_by_zero():
    assert share_found([{"file": "a.jpg", "plates": [FOREIGN]}], {}) == 0.0


def test_what_is_read_now_and_what_no_more_is_told():
    figures = dict.fromkeys(SHOWN, 0.5)
    before = Outcome(figures, [Miss("a.jpg", "AB1234", None), Miss("b.jpg", "EF5678", "EF5673")])
    after = Outcome(figures, [Miss("b.jpg", "EF5678", "E5673"), Miss("c.jpg", "XY1", "XY7")])

    lines = comparison(before, after, LABELS).splitlines()
    assert lines[0] == "1 photographs, 2 plates, 1 with their text"
    assert lines[-2:] == [
        "read now: AB1234 on a.jpg (before: nothing)",
        "not read any more: XY1 on c.jpg (now: XY7)",
    ]
