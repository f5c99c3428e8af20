"""A process that cannot load what it needs retries, and at last shuts its worker down."""

import os
import signal

import pytest

from hkplates.errors import BundleInvalid, DatabaseUnreachable
from hkplates.settings import Settings
from workers import services


class Machine:
    """A machine whose `load` fails, and the signals that were sent."""

    def __init__(self) -> None:
        self.fault: Exception = BundleInvalid("the model is gone")
        self.signals: list[int] = []

    def load(self, settings: Settings) -> None:
        raise self.fault

    def kill(self, process: int, number: int) -> None:
        assert process == os.getpid()
        self.signals.append(number)

    def fail(self, times: int) -> None:
        for _ in range(times):
            with pytest.raises(type(self.fault)):
                services.pipeline()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(services, "load", machine.load)
    monkeypatch.setattr(services, "_failures", 0)
    monkeypatch.setattr(services, "_shutdown_flag", bytearray(1))
    monkeypatch.setattr("workers.services.os.kill", machine.kill)
    return machine


def test_a_worker_that_cannot_load_its_model_is_asked_to_end_once(machine: Machine) -> None:
    machine.fail(services.MAX_LOAD_FAILURES - 1)
    assert not services.shutdown_requested()
    machine.fail(3)
    assert services.shutdown_requested()
    assert machine.signals == [signal.SIGTERM]


def test_a_database_that_is_away_ends_no_worker(machine: Machine) -> None:
    machine.fault = DatabaseUnreachable("restarting")
    machine.fail(10)
    assert machine.signals == []
