"""One run: programs started, struck by a schedule while they work, and stopped at the end."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from faults import messages
from faults.archive import Archive
from faults.injectors import INJECTORS, Stage, in_hand
from faults.poller import LISTED, SUBMISSIONS, Standing, Watch
from faults.programs import Program
from faults.recovery import Strike
from faults.schedule import Fault
from faults.services import Services

from producer.listing import BATCH

POLL_SECONDS = 0.1
IN_MID_LISTING = Fault(0.0, "producer killed", 0)
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How to run: what to strike with, with how many workers, for how long at the most."""

    schedule: Sequence[Fault]
    settings: Mapping[str, str]
    app: str = "servers.poisoned"
    workers: int = 2
    seconds: float = 1800.0
    away_seconds: tuple[float, float] = (0.5, 4.0)
    bad_seconds: float = 8.0


@dataclass
class Ran:
    """What happened: strikes, and what was not as it must be."""

    strikes: list[Strike] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def listed_again(self) -> bool:
        """Whether a producer began anew after the source had been listed and tampered with."""
        faults = [strike.fault for strike in self.strikes]
        return any(one.kind == "producer killed" and one != IN_MID_LISTING for one in faults)


class Run:
    """One of them, in a database of its own."""

    def __init__(
        self, services: Services, archive: Archive, plan: Plan, logs: Path, database: str
    ) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self.watch = Watch(services.make_database(database))
        self.programs = _programs(
            services.environment(database, dict(plan.settings)), archive, plan, logs
        )
        *workers, producer, dispatcher = self.programs
        self._stage = Stage(
            services, self.watch, workers, producer, dispatcher, plan.away_seconds, plan.bad_seconds
        )
        self._archive, self._plan = archive, plan
        self.ran = Ran()

    def run(self, say: Say) -> Ran:
        """From the first listing to the last image, and everything stopped."""
        began = time.time()
        try:
            self._list(say)
            for worker in self._stage.workers:
                worker.start()
            self._work(say, until=began + self._plan.seconds)
            self._check_queue()
        finally:
            self._stop()
            self.ran.seconds = time.time() - began
        return self.ran

    def _list(self, say: Say) -> None:
        """Before any worker runs, so that what is taken away afterwards has been seen by none.

        Where the source has more than one page, the producer is killed once between two of them.
        """
        stage, killed = self._stage, not self._plan.schedule
        if not killed:
            stage.services.proxy.worsen("slow", self._plan.bad_seconds)
        stage.producer.start()
        stage.dispatcher.start()
        while not self._one(LISTED):
            standing = self.watch.standing()
            if not killed and standing is not None and standing.counts.total() >= BATCH:
                killed = True
                self._strike(IN_MID_LISTING, standing, say)
            self._tend()
            time.sleep(POLL_SECONDS)
        if self._plan.schedule:
            self._archive.tamper()

    def _one(self, query: str) -> int:
        rows = self.watch.ask(query)
        return int(rows[0][0]) if rows else 0

    def _work(self, say: Say, until: float) -> None:
        left = list(self._plan.schedule)
        total = len(self._archive.pictures)
        while not self._stage.producer.done:
            if time.time() > until:
                self.ran.wrong.append(f"not at its end after {self._plan.seconds:.0f} seconds")
                return
            self._tend()
            standing = self.watch.standing()
            while left and standing is not None and standing.ended >= left[0].at * total:
                self._strike(left.pop(0), standing, say)
            time.sleep(POLL_SECONDS)
        self.ran.wrong += [f"there was no time for: {fault.kind}" for fault in left]

    def _strike(self, fault: Fault, standing: Standing, say: Say) -> None:
        hit = in_hand(self._stage, fault)
        self._keep_messages()
        began = time.time()
        what = INJECTORS[fault.kind](self._stage, random.Random(fault.dice))
        self.ran.strikes.append(Strike(fault, began, time.time(), what, hit))
        say(f"{standing.ended:,} images ended: {fault.kind} ({what})")

    def _keep_messages(self) -> None:
        with self._stage.services.redis() as client:
            self.ran.messages.append(messages.readable(client))

    def _tend(self) -> None:
        for program in self.programs:
            program.tend()

    def _check_queue(self) -> None:
        """With every image ended, nobody may still hold or wait for a message of ours."""
        states = {state for (state,) in self.watch.insist(SUBMISSIONS)}
        if states != {"finished"}:
            self.ran.wrong.append(f"expected finished submissions, found {sorted(states)}")

    def _stop(self) -> None:
        for program in reversed(self.programs):
            if not program.stop():
                self.ran.wrong.append(f"{program.name} did not end when asked")
        for program in self.programs:
            for process in program.left_behind():
                self.ran.wrong.append(f"{program.name} left a process behind: {process}")
                process.kill()


def _programs(
    environment: Mapping[str, str], archive: Archive, plan: Plan, logs: Path
) -> list[Program]:
    """The workers, then the producer and the dispatcher."""
    work = ("celery", "-A", plan.app, "worker", "--concurrency", "1")
    names = [f"worker {number + 1}" for number in range(plan.workers)]
    submit = ("hkplates", "submit", archive.source, "--json")
    return [
        *(Program(name, work, environment, logs / f"{name}.log") for name in names),
        Program("producer", submit, environment, logs / "producer.log", frozenset({0, 1})),
        Program("dispatcher", ("hkplates", "dispatch"), environment, logs / "dispatcher.log"),
    ]
