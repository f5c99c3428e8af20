"""Runs programs, injects a schedule of faults while they work, and stops them at the end."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from faults import messages
from faults.archive import Archive
from faults.injectors import INJECTORS, FaultTargets, affected_images
from faults.poller import COUNT_LISTED, SUBMISSION_STATES, DatabasePoller, StateCounts
from faults.programs import Program
from faults.recovery import Injection
from faults.schedule import Fault
from faults.services import Services

from producer.listing import BATCH_IMAGES

POLL_SECONDS = 0.1
IN_MID_LISTING = Fault(0.0, "producer killed", 0)
Log = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """The schedule of faults, settings, number of workers and limits of a run."""

    schedule: Sequence[Fault]
    settings: Mapping[str, str]
    app: str = "servers.poisoned"
    workers: int = 2
    seconds: float = 1800.0
    outage_seconds: tuple[float, float] = (0.5, 4.0)
    s3_fault_seconds: float = 8.0


@dataclass
class RunResult:
    """The result of a run: injected faults, and what was not as it must be."""

    injections: list[Injection] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def listed_again(self) -> bool:
        """Returns whether a producer began anew after the source was listed and tampered with."""
        faults = [injection.fault for injection in self.injections]
        return any(one.kind == "producer killed" and one != IN_MID_LISTING for one in faults)


class FaultRun:
    """A run of programs in a database of its own."""

    def __init__(
        self, services: Services, archive: Archive, plan: Plan, logs: Path, database: str
    ) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self.poller = DatabasePoller(services.make_database(database))
        self.programs = _programs(
            services.environment(database, dict(plan.settings)), archive, plan, logs
        )
        *workers, producer, dispatcher = self.programs
        self._targets = FaultTargets(
            services,
            self.poller,
            workers,
            producer,
            dispatcher,
            plan.outage_seconds,
            plan.s3_fault_seconds,
        )
        self._archive, self._plan = archive, plan
        self.result = RunResult()

    def run(self, log: Log) -> RunResult:
        """Runs from the first listing to the last image, and stops everything."""
        began = time.time()
        try:
            self._list(log)
            for worker in self._targets.workers:
                worker.start()
            self._work(log, until=began + self._plan.seconds)
            self._check_queue()
        finally:
            self._stop()
            self.result.seconds = time.time() - began
        return self.result

    def _list(self, log: Log) -> None:
        """Lists the source before any worker runs, so that none has seen what is removed later.

        Where the source has more than one page, the producer is killed once between two of them.
        """
        targets, killed = self._targets, not self._plan.schedule
        if not killed:
            targets.services.proxy.worsen("slow", self._plan.s3_fault_seconds)
        targets.producer.start()
        targets.dispatcher.start()
        while not self._scalar(COUNT_LISTED):
            counts = self.poller.state_counts()
            if not killed and counts is not None and counts.counts.total() >= BATCH_IMAGES:
                killed = True
                self._inject(IN_MID_LISTING, counts, log)
            self._restart_dead()
            time.sleep(POLL_SECONDS)
        if self._plan.schedule:
            self._archive.tamper()

    def _scalar(self, query: str) -> int:
        rows = self.poller.try_query(query)
        return int(rows[0][0]) if rows else 0

    def _work(self, log: Log, until: float) -> None:
        left = list(self._plan.schedule)
        total = len(self._archive.images)
        while not self._targets.producer.done:
            if time.time() > until:
                self.result.wrong.append(f"not at its end after {self._plan.seconds:.0f} seconds")
                return
            self._restart_dead()
            counts = self.poller.state_counts()
            while left and counts is not None and counts.finished >= left[0].at * total:
                self._inject(left.pop(0), counts, log)
            time.sleep(POLL_SECONDS)
        self.result.wrong += [f"there was no time for: {fault.kind}" for fault in left]

    def _inject(self, fault: Fault, counts: StateCounts, log: Log) -> None:
        affected = affected_images(self._targets, fault)
        self._record_messages()
        began = time.time()
        description = INJECTORS[fault.kind](self._targets, random.Random(fault.seed))
        self.result.injections.append(Injection(fault, began, time.time(), description, affected))
        log(f"{counts.finished:,} images ended: {fault.kind} ({description})")

    def _record_messages(self) -> None:
        with self._targets.services.redis() as client:
            self.result.messages.append(messages.dump(client))

    def _restart_dead(self) -> None:
        for program in self.programs:
            program.restart_if_dead()

    def _check_queue(self) -> None:
        """Checks that every submission is finished, every image having ended."""
        states = {state for (state,) in self.poller.query(SUBMISSION_STATES)}
        if states != {"finished"}:
            self.result.wrong.append(f"expected finished submissions, found {sorted(states)}")

    def _stop(self) -> None:
        for program in reversed(self.programs):
            if not program.stop():
                self.result.wrong.append(f"{program.name} did not end when asked")
        for program in self.programs:
            for process in program.orphans():
                self.result.wrong.append(f"{program.name} left a process behind: {process}")
                process.kill()


def _programs(
    environment: Mapping[str, str], archive: Archive, plan: Plan, logs: Path
) -> list[Program]:
    """Returns the workers, then the producer and the dispatcher."""
    work = ("celery", "-A", plan.app, "worker", "--concurrency", "1")
    names = [f"worker {number + 1}" for number in range(plan.workers)]
    submit = ("hkplates", "submit", archive.source, "--json")
    return [
        *(Program(name, work, environment, logs / f"{name}.log") for name in names),
        Program("producer", submit, environment, logs / "producer.log", frozenset({0, 1})),
        Program("dispatcher", ("hkplates", "dispatch"), environment, logs / "dispatcher.log"),
    ]
