"""Whether confidences can be believed, on judgements written by hand."""

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.reliability import (
    TARGET_PRECISION,
    Judged,
    acceptance_table,
    min_trusted_confidence,
    reliability_table,
)

JUDGED = st.lists(st.builds(Judged, st.sampled_from([0.1, 0.5, 0.7, 0.9, 1.0]), st.booleans()))


def test_reports_are_counted_by_their_confidence() -> None:
    told = reliability_table([Judged(0.93, True), Judged(0.91, False), Judged(0.2, False)])

    lines = [line.split() for line in told.splitlines()[1:]]
    assert lines == [
        ["0.00", "-", "0.30", "1", "0.200", "0.000"],
        ["0.90", "-", "0.95", "2", "0.920", "0.500"],
    ]


def test_a_confidence_of_one_is_counted() -> None:
    assert reliability_table([Judged(1.0, True)]).splitlines()[1].split()[3] == "1"


def test_what_is_accepted_is_right_oftener_and_less() -> None:
    told = acceptance_table([Judged(0.95, True), Judged(0.5, False), Judged(0.45, True)], asked=4)

    lines = {line.split()[0]: line.split()[1:] for line in told.splitlines()[1:-1]}
    assert lines["0.00"] == ["3", "0.667", "2", "/", "4"]
    assert lines["0.60"] == ["1", "1.000", "1", "/", "4"]
    assert told.endswith("99.5% right from a confidence of 0.95 on: 1 of 4 plates")


def test_where_the_surest_is_wrong_nothing_is_trusted() -> None:
    assert min_trusted_confidence([Judged(0.9, False), Judged(0.5, True)]) == (1.0, 0)
    assert "No confidence" in acceptance_table([Judged(0.9, False)], asked=1)


def test_one_error_among_many_is_within_what_is_trusted() -> None:
    judged = [Judged(0.9, True)] * 199 + [Judged(0.8, False)]
    assert min_trusted_confidence(judged) == (0.8, 199)


@given(JUDGED)
def test_what_is_trusted_is_right_enough(judged: list[Judged]) -> None:
    least, count = min_trusted_confidence(judged)
    kept = [j.right for j in judged if j.confidence >= least]
    if count:
        assert sum(kept) == count
        assert sum(kept) >= TARGET_PRECISION * len(kept)
