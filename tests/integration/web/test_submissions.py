"""Home and the submissions: how far they are, why photographs were not read, and steering them."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from servers.processes import eventually
from support.browserless_client import BrowserlessClient, browserless_client, open_when_counted
from support.seeded_rows import JULY, LORRIES, seed_rows

from hkplates.database.queries import submissions
from hkplates.database.schema.images import Image, Submission
from hkplates.database.text import image_digest
from web import status_cache
from web.status_cache import StatusCache


@pytest.fixture
def client(engine: sa.Engine, tmp_path: Path) -> Iterator[BrowserlessClient]:
    with browserless_client(engine, tmp_path) as one:
        yield one


def state(engine: sa.Engine, number: int) -> str:
    with engine.connect() as connection:
        query = sa.select(Submission.state).where(Submission.id == number)
        return connection.execute(query).scalar_one()


def fail(engine: sa.Engine, number: int) -> None:
    """Adds a submission with so many photographs that are missing."""
    with engine.begin() as connection:
        submission = connection.execute(
            sa.insert(Submission).values(source="s3://b/").returning(Submission.id)
        ).scalar_one()
        rows = [
            {
                "submission_id": submission,
                "store": "s3",
                "bucket": "b",
                "key": f"{one:03}.jpg",
                "etag": "e",
                "size": 1,
                "digest": image_digest("s3", "b", f"{one:03}.jpg", "e"),
                "state": "failed",
                "reason": "missing",
            }
            for one in range(number)
        ]
        connection.execute(sa.insert(Image), rows)


def test_an_empty_database_says_how_to_begin(client: BrowserlessClient) -> None:
    home = client.open("/")
    assert "Nothing was submitted yet" in home.text
    assert "hkplates submit" in home.text


def test_home_tells_how_far_each_submission_is(
    engine: sa.Engine, client: BrowserlessClient
) -> None:
    seed_rows(engine)
    home = open_when_counted(client, "/").text
    assert "july Finished s3://car-park/ 15 of 19 read 15 plates 4 could not be read" in home
    assert "Submission 2 Running s3://car-park/lorries/ 0 of 3 read" in home
    assert "nothing moved in the last minute" in home


def test_more_submissions_than_a_page_holds_are_paged(
    engine: sa.Engine, client: BrowserlessClient
) -> None:
    with engine.begin() as connection:
        rows = [{"source": f"s3://bucket-{n}/"} for n in range(1, 24)]
        connection.execute(sa.insert(Submission), rows)
    assert "bucket-23" in client.open("/").text
    assert "bucket-3/" not in client.text
    assert "bucket-3/" in client.follow("Earlier submissions").text
    assert "Earlier submissions" not in client.text


def test_a_submission_tells_states_and_reasons_in_words(
    engine: sa.Engine, client: BrowserlessClient
) -> None:
    seed_rows(engine)
    page = open_when_counted(client, f"/submissions/{JULY}").text
    assert "Submission 1: july" in client.heading
    assert "Every photograph has been looked at" in page
    assert "Set aside 1 begun three times and never finished" in page
    assert "It is not an image, or is damaged throughout 2" in page
    assert "hkplates retry 1" in page


def begun(engine: sa.Engine, minutes: int) -> None:
    """Marks all photographs of the lorries as sent so long ago, and taken by no worker."""
    with engine.begin() as connection:
        opened = sa.text("UPDATE submissions SET opened_at = now() - make_interval(mins => :ago)")
        connection.execute(opened, {"ago": minutes})
        sent = (
            "UPDATE images SET state = 'queued', attempts = 0, leased_until = now() + '1 hour' "
            "WHERE submission_id = :number"
        )
        connection.execute(sa.text(sent), {"number": LORRIES})


def test_where_no_worker_takes_work_it_says_so_and_how_to_start_one(
    engine: sa.Engine, client: BrowserlessClient
) -> None:
    seed_rows(engine)
    begun(engine, minutes=2)
    page = open_when_counted(client, f"/submissions/{LORRIES}").text
    assert "no worker seems to take what waits" in page
    assert "To start one: celery -A workers.app worker" in page
    assert "Sent 3 sent to the workers" in page
    assert "being read" not in page.replace("some may be being read just now", "")
    assert "Pace" not in page
    assert client.page.xpath("//*[@class='queued' and ancestor::*[@class='bar']]") == []
    assert "No worker seems to take its photographs" in open_when_counted(client, "/").text
    assert "3 sent" in client.text


def test_a_worker_has_a_minute_to_take_work(engine: sa.Engine, client: BrowserlessClient) -> None:
    seed_rows(engine)
    begun(engine, minutes=0)
    assert "no worker" not in open_when_counted(client, f"/submissions/{LORRIES}").text.lower()


def test_the_name_of_a_file_stays_as_it_is(engine: sa.Engine, client: BrowserlessClient) -> None:
    fail(engine, 1)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE images SET detail = 'odd/empty.jpg is empty'"))
    assert "odd/empty.jpg is empty" in client.open("/submissions/1/failures").text


def test_failures_are_listed_with_their_reasons(
    engine: sa.Engine, client: BrowserlessClient
) -> None:
    seed_rows(engine)
    open_when_counted(client, f"/submissions/{JULY}").follow("List them all")
    assert "Reading it took too long, three times" in client.text
    assert "s3://car-park/tunnel/16/091300.jpg" in client.text
    client.follow("It is not there any more (1)")
    assert "091000.jpg" in client.text
    assert "091300.jpg" not in client.text


def test_many_failures_are_paged(engine: sa.Engine, client: BrowserlessClient) -> None:
    fail(engine, 51)
    assert "049.jpg" in client.open("/submissions/1/failures").text
    assert "050.jpg" not in client.text
    assert "050.jpg" in client.follow("Next").text
    assert "Next" not in client.text


@pytest.mark.parametrize(
    "address",
    ["/submissions/9", "/submissions/9/failures", "/submissions/1/failures?reason=whim"],
)
def test_what_is_not_there_is_said(
    client: BrowserlessClient, engine: sa.Engine, address: str
) -> None:
    seed_rows(engine)
    assert client.http.get(address).status_code == 404


def test_pausing_and_resuming_by_button(engine: sa.Engine, client: BrowserlessClient) -> None:
    seed_rows(engine)
    client.open(f"/submissions/{LORRIES}").press("Pause")
    assert state(engine, LORRIES) == "paused"
    assert "It is paused" in client.text
    client.press("Resume")
    assert state(engine, LORRIES) == "listing"  # it had not been listed to its end
    assert "It goes on" in client.text


def test_cancelling_is_asked_about_first(engine: sa.Engine, client: BrowserlessClient) -> None:
    seed_rows(engine)
    client.open(f"/submissions/{LORRIES}").follow("Cancel …")
    assert state(engine, LORRIES) == "running"
    client.press("Cancel the submission")
    assert state(engine, LORRIES) == "cancelled"
    assert "It is cancelled" in client.text
    assert client.buttons() == []


def test_failed_photographs_are_tried_again_by_button(
    engine: sa.Engine, client: BrowserlessClient
) -> None:
    seed_rows(engine)
    open_when_counted(client, f"/submissions/{JULY}").press("Try again")
    assert "4 photographs wait to be read again" in client.text
    assert submissions.count_images(engine, JULY).rejected == 0
    assert state(engine, JULY) == "running"


def test_those_of_one_reason_are_tried_again(engine: sa.Engine, client: BrowserlessClient) -> None:
    seed_rows(engine)
    client.open(f"/submissions/{JULY}/failures?reason=undecodable")
    client.press("Try those of this reason again")
    assert "2 photographs wait to be read again" in client.text
    assert submissions.failure_reasons(engine, JULY) == {"missing": 1, "timed_out": 1}


def test_steering_what_has_ended_changes_nothing_and_says_so(
    engine: sa.Engine, client: BrowserlessClient
) -> None:
    seed_rows(engine)
    page = client.open(f"/submissions/{LORRIES}").page  # as it stands in somebody's old tab
    client.press("Pause")
    client.page = page
    client.press("Pause")
    assert "Nothing was changed" in client.text
    assert state(engine, LORRIES) == "paused"


def test_a_page_does_not_wait_for_a_long_count(
    engine: sa.Engine, client: BrowserlessClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed_rows(engine)
    counts = status_cache.statuses

    def slowly(*arguments: Any) -> Any:
        time.sleep(1.5)
        return counts(*arguments)

    monkeypatch.setattr(status_cache, "statuses", slowly)
    assert "Counting its photographs" in client.open(f"/submissions/{JULY}").text
    assert client.page.find(".//*[@data-every]").get("data-every") == "1"
    assert "15" in open_when_counted(client, f"/submissions/{JULY}").text


def test_a_count_is_kept_for_a_while_and_made_anew_when_it_was_steered(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed_rows(engine)
    made = []
    counts = status_cache.statuses
    monkeypatch.setattr(status_cache, "statuses", lambda *a: made.append(a) or counts(*a))
    kept = StatusCache(engine)
    for _ in range(3):
        rows = submissions.latest_submissions(engine)
        assert all(kept.get(rows, max_wait=20))
    assert len(made) == len(rows) == 2
    with engine.begin() as connection:
        connection.execute(sa.update(Submission).values(state="paused"))
    found = kept.get(submissions.latest_submissions(engine), max_wait=20)
    assert [one.row.state for one in found if one] == ["paused", "paused"]
    assert len(made) == 4


def test_what_just_ended_is_shown_as_it_was_until_it_is_counted_anew(
    engine: sa.Engine, client: BrowserlessClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(engine, 3)
    assert "Listing s3://b/ 0 of 3 read" in open_when_counted(client, "/").text
    counts, go_on = status_cache.statuses, threading.Event()
    monkeypatch.setattr(status_cache, "statuses", lambda *a: go_on.wait(60) and counts(*a))
    with engine.begin() as connection:
        connection.execute(sa.update(Submission).values(state="finished"))
        connection.execute(sa.delete(Image).where(Image.key == "002.jpg"))
    client.open("/")
    assert "Finished s3://b/ 0 of 3 read" in client.text
    assert client.page.find(".//*[@data-every]").get("data-every") == "1"
    go_on.set()
    eventually(lambda: "0 of 2 read" in client.open("/").text, "it is counted anew", 20)


def test_failures_are_listed_while_their_reasons_are_counted(
    engine: sa.Engine, client: BrowserlessClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(engine, 2)
    counts, go_on = status_cache.statuses, threading.Event()
    monkeypatch.setattr(status_cache, "statuses", lambda *a: go_on.wait(60) and counts(*a))
    client.open("/submissions/1/failures")
    assert "Counting the reasons" in client.text
    assert "001.jpg" in client.text
    go_on.set()
    expected = "It is not there any more (2)"
    eventually(
        lambda: expected in client.open("/submissions/1/failures").text, "they are counted", 20
    )


def test_a_count_that_failed_is_made_again(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed_rows(engine)
    rows = submissions.latest_submissions(engine)
    kept = StatusCache(engine)
    with monkeypatch.context() as patch:
        patch.setattr(status_cache, "statuses", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            kept.get(rows[:1], max_wait=20)
    assert kept.get(rows[:1], max_wait=20)[0] is not None
