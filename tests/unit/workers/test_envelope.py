"""Envelopes are rebuilt with only what ours hold."""

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hkplates.jobs import QUEUE, TASK_RECOGNISE_CHUNK, MessageInvalid
from workers.broker.envelope import sanitise

ARGUMENTS = [{"version": 1, "images": []}]


def body(parts: object) -> str:
    return base64.b64encode(json.dumps(parts).encode()).decode()


def message(**changes: Any) -> dict[str, Any]:
    """Builds a message as Celery sends ours, with changes."""
    embedded = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    return {
        "body": body([ARGUMENTS, {}, embedded]),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"lang": "py", "task": TASK_RECOGNISE_CHUNK, "id": "5b1c-9d", "eta": None},
        "properties": {
            "delivery_tag": "tag",
            "delivery_info": {"exchange": "", "routing_key": QUEUE},
            "body_encoding": "base64",
        },
        **changes,
    }


def arguments(clean: dict[str, Any]) -> list[Any]:
    """Decodes the arguments of a sanitised message."""
    body: list[Any] = json.loads(base64.b64decode(clean["body"]))
    return body


def test_a_message_of_ours_keeps_its_number_and_its_arguments() -> None:
    clean = sanitise(message())
    assert arguments(clean) == [ARGUMENTS, {}, {}]
    assert clean["headers"]["id"] == "5b1c-9d"
    assert clean["headers"]["redelivered"] is False


def test_a_message_that_was_delivered_before_says_so_still() -> None:
    headers = {**message()["headers"], "redelivered": True}
    clean = sanitise(message(headers=headers))
    assert clean["properties"]["delivery_info"]["redelivered"] is True
    assert sanitise(clean)["headers"]["redelivered"] is True


@pytest.mark.parametrize("name", ["callbacks", "errbacks", "link", "chain", "chord", "group"])
def test_no_other_task_is_run_on_a_message_s_behalf(name: str) -> None:
    task = [{"task": "os.system", "args": ["true"], "options": {"queue": "theirs"}}]
    clean = sanitise(message(body=body([ARGUMENTS, {name: task}, {name: task}])))
    assert arguments(clean) == [ARGUMENTS, {}, {}]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("eta", "2999-01-01T00:00:00"),
        ("expires", "1999-01-01T00:00:00"),
        ("timelimit", [10**9, 10**9]),
        ("retries", -1),
        ("group", "g"),
        ("stamped_headers", ["a"]),
        ("shadow", "another name"),
        ("reply_to", "theirs"),
        ("compression", "application/x-gzip"),
        ("errbacks", [{"task": "os.system"}]),
    ],
)
def test_no_header_of_a_message_changes_how_it_is_run(name: str, value: object) -> None:
    headers = {**message()["headers"], name: value}
    assert name not in sanitise(message(headers=headers))["headers"]


def test_a_message_goes_back_to_our_queue_alone_and_under_a_tag_of_its_own() -> None:
    properties = {
        "delivery_tag": "another's",
        "delivery_info": {"exchange": "theirs", "routing_key": "theirs"},
        "reply_to": "theirs",
        "body_encoding": "base64",
    }
    first, second = (sanitise(message(properties=properties))["properties"] for _ in range(2))
    assert first["delivery_info"]["exchange"] == ""
    assert first["delivery_info"]["routing_key"] == QUEUE
    assert len({first["delivery_tag"], second["delivery_tag"], "another's"}) == 3
    assert "reply_to" not in first


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"headers": None}, id="no headers"),
        pytest.param({"headers": {"task": TASK_RECOGNISE_CHUNK}}, id="no number"),
        pytest.param({"headers": {"task": TASK_RECOGNISE_CHUNK, "id": {}}}, id="an odd number"),
        pytest.param({"headers": {"task": TASK_RECOGNISE_CHUNK, "id": "a\nb"}}, id="a line break"),
        pytest.param({"headers": {"task": TASK_RECOGNISE_CHUNK, "id": "a" * 65}}, id="long number"),
        pytest.param({"headers": {"task": "celery.map", "id": "a"}}, id="a task of Celery's own"),
        pytest.param({"headers": {"task": ["a"], "id": "a"}}, id="a task that is no text"),
        pytest.param({"properties": 7}, id="no properties"),
        pytest.param({"content-type": "application/x-python-serialize"}, id="pickle"),
        pytest.param({"content-type": None}, id="no content type"),
        pytest.param({"body": None}, id="no body"),
        pytest.param({"body": "not base64!"}, id="not base64"),
        pytest.param({"body": body({})}, id="an object"),
        pytest.param({"body": body([1, 2, 3])}, id="no arguments"),
        pytest.param({"body": body([[]])}, id="too short"),
        pytest.param({"body": base64.b64encode(b"\xff").decode()}, id="not UTF-8"),
        pytest.param({"body": base64.b64encode(b"[" * 10**5).decode()}, id="too deep"),
    ],
)
def test_what_is_not_ours_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(MessageInvalid):
        sanitise(message(**changes))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)


@given(anything)
def test_anything_at_all_is_refused_in_one_way(raw: object) -> None:
    with pytest.raises(MessageInvalid):
        sanitise(raw)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "headers": st.dictionaries(st.sampled_from(["id", "task", "eta", "lang"]), anything),
            "properties": anything,
            "body": anything | st.lists(anything, min_size=3, max_size=3).map(body),
            "content-type": anything,
        },
    )
)
def test_what_is_let_through_has_the_form_of_ours(changes: dict[str, Any]) -> None:
    with suppress(MessageInvalid):
        clean = sanitise(message(**changes))
        assert set(clean) == set(message())
        assert set(clean["headers"]) == {"lang", "task", "id", "root_id", "redelivered"}
        assert isinstance(arguments(clean)[0], list)
