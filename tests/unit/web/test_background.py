"""Tests of background work: its limit, its results, and the end of the process."""

import subprocess
import sys
import threading
import time

import pytest

from web.background import DaemonExecutor


def test_what_was_begun_answers_or_fails_as_its_call_does() -> None:
    background = DaemonExecutor(1)
    assert background.submit(divmod, 7, 2).result(5) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        background.submit(divmod, 7, 0).result(5)


def test_no_more_than_so_many_work_at_once() -> None:
    background, lock, begun, most = DaemonExecutor(2), threading.Lock(), [0], [0]

    def work() -> None:
        with lock:
            begun[0] += 1
            most[0] = max(most[0], begun[0])
        time.sleep(0.02)
        with lock:
            begun[0] -= 1

    for one in [background.submit(work) for _ in range(8)]:
        one.result(5)
    assert most == [2]


def test_a_process_that_ends_does_not_wait_for_it() -> None:
    program = (
        "import time; from web.background import DaemonExecutor; "
        "DaemonExecutor(1).submit(time.sleep, 60)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
