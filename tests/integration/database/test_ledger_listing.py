"""Tests that an interrupted listing goes on where it was, in a real Postgres."""

import pytest
import sqlalchemy as sa
from servers.ledgers import SOURCE, Ledger, add, column, execute, keys, save_done, submit, take

from hkplates.database.ledger.listed_images import Added
from hkplates.database.queries import submissions


def skipped(engine: sa.Engine, submission_id: int) -> int:
    row = submissions.find_submission(engine, submission_id)
    assert row is not None
    return row.skipped


def test_an_interrupted_listing_goes_on_after_its_last_key(ledger: Ledger) -> None:
    first = ledger.intake.open_submission(SOURCE)
    assert first.listing_after is None
    add(ledger, first.id, keys(3), "a/00002.jpg")
    add(ledger, first.id, keys(3, first=3), "a/00005.jpg")
    again = ledger.intake.open_submission(SOURCE)
    assert (again.id, again.listing_after) == (first.id, "a/00005.jpg")


def test_a_page_without_images_is_a_step_of_the_listing(ledger: Ledger) -> None:
    number = ledger.intake.open_submission(SOURCE).id
    assert add(ledger, number, [], "a/notes.txt") == Added()
    assert ledger.intake.open_submission(SOURCE).listing_after == "a/notes.txt"


def test_a_listing_that_was_paused_goes_on_where_it_was(ledger: Ledger) -> None:
    number = ledger.intake.open_submission(SOURCE).id
    add(ledger, number, keys(3), "a/00002.jpg")
    ledger.control.pause(number)
    again = ledger.intake.open_submission(SOURCE)
    assert (again.was_paused, again.listing_after) == (True, "a/00002.jpg")


def test_a_listing_that_was_finished_begins_anew(ledger: Ledger) -> None:
    number = ledger.intake.open_submission(SOURCE).id
    add(ledger, number, keys(3), "a/00002.jpg")
    ledger.intake.listing_finished(number)
    again = ledger.intake.open_submission(SOURCE)
    assert (again.id, again.resumed, again.listing_after) == (number, True, None)


def test_images_and_how_far_the_listing_is_are_recorded_together(
    ledger: Ledger, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = ledger.intake.open_submission(SOURCE).id
    add(ledger, number, keys(3), "a/00002.jpg")
    execute(engine, "ALTER TABLE submissions ADD CHECK (listing_after < 'a/00005.jpg')")
    with pytest.raises(sa.exc.IntegrityError):
        add(ledger, number, keys(3, first=3), "a/00005.jpg")
    assert ledger.intake.open_submission(SOURCE).listing_after == "a/00002.jpg"
    assert submissions.count_images(engine, number).total == 3


def test_what_is_skipped_adds_up_over_interruptions(ledger: Ledger, engine: sa.Engine) -> None:
    submit(ledger, keys(6), SOURCE + "/07")
    save_done(engine, take(ledger))
    number = ledger.intake.open_submission(SOURCE).id
    add(ledger, number, keys(4), "a/00003.jpg")
    again = ledger.intake.open_submission(SOURCE)
    assert add(ledger, again.id, keys(4, first=4), "a/00007.jpg") == Added(new=2, skipped=2)
    ledger.intake.listing_finished(number)
    assert skipped(engine, number) == 6


def test_a_batch_that_is_told_twice_skips_once(ledger: Ledger, engine: sa.Engine) -> None:
    """The database's answer was lost, or two producers list the same."""
    submit(ledger, keys(4), SOURCE + "/07")
    save_done(engine, take(ledger))
    number = ledger.intake.open_submission(SOURCE).id
    for _ in range(3):
        assert add(ledger, number, keys(4), "a/00003.jpg") == Added(skipped=4)
    assert skipped(engine, number) == 4


def test_a_listing_from_the_start_counts_what_it_skips_anew(
    ledger: Ledger, engine: sa.Engine
) -> None:
    submit(ledger, keys(4), SOURCE + "/07")
    save_done(engine, take(ledger))
    for _ in range(2):
        number = ledger.intake.open_submission(SOURCE).id
        add(ledger, number, keys(5), "a/00004.jpg")
        ledger.intake.listing_finished(number)
    assert skipped(engine, number) == 4


def test_a_slower_producer_moves_no_listing_back(ledger: Ledger) -> None:
    number = ledger.intake.open_submission(SOURCE).id
    add(ledger, number, keys(6), "a/00005.jpg")
    add(ledger, number, keys(3), "a/00002.jpg")
    assert ledger.intake.open_submission(SOURCE).listing_after == "a/00005.jpg"


def test_keys_are_compared_as_stores_list_them(ledger: Ledger) -> None:
    """By their bytes: a locale would put Z after a, and é before z."""
    number = ledger.intake.open_submission(SOURCE).id
    for key in ("Z.jpg", "a b+c.jpg", "a.jpg", "z\n.jpg", "é.jpg", "車.jpg"):
        add(ledger, number, [], key)
        assert ledger.intake.open_submission(SOURCE).listing_after == key


def test_a_key_that_postgres_cannot_hold_leaves_no_image_out(
    ledger: Ledger, engine: sa.Engine
) -> None:
    number = ledger.intake.open_submission(SOURCE).id
    add(ledger, number, keys(3), "a/00002.jpg")
    add(ledger, number, keys(3, first=3), "a/not-utf8-\udcff.jpg")
    assert ledger.intake.open_submission(SOURCE).listing_after == "a/00002.jpg"
    assert column(engine, "SELECT count(*) FROM images") == [6]


def test_opening_says_when_work_last_went_on(ledger: Ledger, engine: sa.Engine) -> None:
    number = submit(ledger, keys(1))
    query = "SELECT opened_at FROM submissions"
    seen = column(engine, query)
    ledger.control.pause(number)
    ledger.control.resume(number)
    seen += column(engine, query)
    ledger.intake.open_submission(SOURCE)
    seen += column(engine, query)
    assert seen == sorted(set(seen))  # type: ignore[type-var]


def test_images_become_rows_in_the_order_of_their_keys(ledger: Ledger, engine: sa.Engine) -> None:
    """Two producers that insert the same images in two orders would wait for each other."""
    number = ledger.intake.open_submission(SOURCE).id
    listed = keys(500)
    add(ledger, number, listed[::7], "a/00499.jpg")
    add(ledger, number, listed[::-1], "a/00499.jpg")
    again = column(engine, "SELECT key FROM images WHERE id > 72 ORDER BY id")
    assert len(again) == 500 - len(listed[::7])
    assert again == sorted(map(str, again))
