"""The schedule of faults, the images of a run, and recovery (tests/faults)."""

from collections import Counter

import numpy as np
import pytest
from faults import schedule
from faults.pictures import BAD, POISON, draw_kinds, make_images, replacement
from faults.recovery import Injection, longest_gap, recovery

from hkplates.errors import ImageRejected
from hkplates.recognition.images.decode import decode

RNG = np.random.default_rng(1)
SCENES = [RNG.integers(0, 255, (48, 80, 3), np.uint8) for _ in range(4)]


def test_a_seed_draws_the_same_schedule_every_time_and_another_seed_another() -> None:
    assert schedule.draw(1) == schedule.draw(1)
    assert schedule.draw(1) != schedule.draw(2)


@pytest.mark.parametrize("seed", range(20))
def test_every_kind_is_injected_while_there_is_still_work(seed: int) -> None:
    faults = schedule.draw(seed)
    assert {fault.kind for fault in faults} == set(schedule.KINDS)
    assert [fault.at for fault in faults] == sorted(fault.at for fault in faults)
    assert faults[0].at >= schedule.FIRST
    assert faults[-1].at <= schedule.LAST


def test_the_short_schedule_holds_each_kind_once() -> None:
    assert [fault.kind for fault in schedule.fixed()] == list(schedule.KINDS)


def test_three_in_a_hundred_images_are_bad_in_every_way() -> None:
    kinds = Counter(draw_kinds(3000, seed=1))
    assert sum(kinds[kind] for kind in BAD) == 90
    assert all(kinds[kind] >= 3 for kind in (*BAD, *POISON))


def test_images_are_distinct_and_those_that_change_later_are_listed_late() -> None:
    images = list(make_images(SCENES, 200, seed=1))
    assert len({image.data for image in images if image.kind != "empty"}) == 199
    late = {image.key for image in sorted(images, key=lambda one: one.key)[150:]}
    changing = [image for image in images if image.kind in ("missing", "changed")]
    assert len(changing) == 2
    assert all(image.key in late for image in changing)


@pytest.mark.parametrize("kind", ["empty", "truncated", "text", "heic", "huge"])
def test_a_bad_image_is_refused_for_the_reason_it_was_made_for(kind: str) -> None:
    image = next(one for one in make_images(SCENES, 200, seed=1) if one.kind == kind)
    if kind == "empty":
        assert image.data == b""  # the store says it, before anything is decoded
        return
    with pytest.raises(ImageRejected) as refused:
        decode(image.data, max_pixels=120_000_000)
    assert ("failed", refused.value.reason) == image.expected_state


def test_a_replaced_image_shows_the_same_photograph_in_other_bytes() -> None:
    image = next(one for one in make_images(SCENES, 200, seed=1) if one.kind == "changed")
    other = replacement(image)
    assert image.object_id != other.object_id
    pixels = [decode(one.data, max_pixels=10**6).pixels for one in (image, other)]
    assert np.array_equal(*pixels)


def test_recovery_is_measured_by_the_next_image_and_by_the_last_of_those_affected() -> None:
    fault = schedule.Fault(0.5, "child killed", 0)
    injection = Injection(fault, 100.0, 100.0, "", frozenset({1, 2, 9}))
    measured = recovery(injection, {1: 99.0, 2: 130.0, 3: 101.5})
    assert (measured.to_next, measured.to_all) == (1.5, 30.0)
    assert recovery(injection, {}) == recovery(injection, {7: 50.0})


def test_the_longest_silence_lies_between_two_images() -> None:
    assert longest_gap([5.0, 1.0, 2.0]) == 3.0
    assert longest_gap([]) == 0
