"""From a seed to a verdict: images made, read without faults, read under faults, and compared."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from faults import messages
from faults.archive import make_archive
from faults.baseline_run import read_baseline
from faults.expectations import ObjectId, Outcome, differences, leaks
from faults.logs import Deliveries, deliveries
from faults.pictures import draw_scenes, make_images
from faults.poller import COUNT_EXTRA_ATTEMPTS, COUNT_SIGHTINGS, PROCESSED_TIMES
from faults.recovery import Injection, Recovery, longest_gap, recovery
from faults.run import FaultRun, Plan, RunResult
from faults.services import Services, services


@dataclass(frozen=True, slots=True)
class Experiment:
    """What to prove on: how many images, from how many scenes, struck by what, noted where."""

    images: int
    scenes: int
    images_seed: int
    seed: int
    plan: Plan
    folder: Path
    """For scenes, logs and, with `keep`, the fault-free run's plates."""
    cache_baseline: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the table shows. Nothing may stand in `wrong`."""

    outcomes: Counter[str]
    plates: int
    baseline_was_cached: bool
    deliveries: Deliveries
    extra_attempts: int
    injections: Sequence[tuple[Injection, Recovery]]
    unexpected_exits: Mapping[str, list[int]]
    proxied: Counter[str]
    seconds: float
    longest_gap: float
    wrong: Sequence[str]


def run_experiment(task: Experiment, log: Callable[[str], None]) -> Verdict:
    """Do it all; servers and programs are gone afterwards, logs stay."""
    log(f"{task.images:,} images of {task.scenes} scenes ...")
    scenes = draw_scenes(task.folder / "scenes", task.scenes, task.images_seed)
    images = list(make_images(scenes, task.images, task.images_seed))
    with services(task.seed) as running:
        archive = make_archive(running.s3, images)
        archive.put_harmless()
        calm_plan = replace(task.plan, schedule=(), app="workers.app")
        kept = task.folder if task.cache_baseline else None
        calm, known = read_baseline(running, archive, calm_plan, task.folder / "calm", kept, log)
        archive.put_poison()
        logs = task.folder / f"seed-{task.seed}"
        log(f"{len(task.plan.schedule)} faults; logs in {logs} ...")
        for old in logs.glob("*.log"):
            old.unlink()
        run = FaultRun(running, archive, task.plan, logs, "struck")
        with closing(run.poller):
            ran = run.run(log)
            expected = archive.expected_outcomes(calm, listed_again=ran.listed_again)
            return _evaluate(run, ran, running, expected, known, logs)


def _evaluate(
    run: FaultRun,
    ran: RunResult,
    running: Services,
    expected: Mapping[ObjectId, Outcome],
    known: bool,
    logs: Path,
) -> Verdict:
    found = list(run.poller.outcomes())
    workers = [program.log for program in run.programs if program.name.startswith("worker")]
    ended = dict(run.poller.query(PROCESSED_TIMES))
    wrong = [
        *ran.wrong,
        *differences(expected, found),
        *_check_sightings(run, found),
        *_check_held_messages(running),
        *leaks(running.secrets(), _written_texts(run, ran, running, logs)),
    ]
    return Verdict(
        Counter(
            end.state if end.reason is None else f"{end.state}: {end.reason}" for _, end in found
        ),
        sum(len(end.plates) for _, end in found),
        known,
        deliveries(workers),
        int(run.poller.query(COUNT_EXTRA_ATTEMPTS)[0][0]),
        [(strike, recovery(strike, ended)) for strike in ran.injections],
        {
            program.name: program.unexpected_exits
            for program in run.programs
            if program.unexpected_exits
        },
        running.proxy.done,
        ran.seconds,
        longest_gap(list(ended.values())),
        wrong,
    )


def _check_sightings(run: FaultRun, found: Sequence[tuple[ObjectId, Outcome]]) -> list[str]:
    """The view shows each plate of each image that is not superseded once."""
    plates = sum(len(end.plates) for _, end in found if not end.superseded)
    shown = run.poller.query(COUNT_SIGHTINGS)[0][0]
    return [] if shown == plates else [f"{plates} plates were saved, and sightings shows {shown}"]


def _check_held_messages(running: Services) -> list[str]:
    """Every image has ended and every worker has stopped in order: no message is held."""
    with running.redis() as client:
        held = messages.count_messages(client)["held"]
    return [f"{held} messages are still held"] if held else []


def _written_texts(run: FaultRun, ran: RunResult, running: Services, logs: Path) -> dict[str, str]:
    """All that was written: logs, rows, and messages as they stood at each strike."""
    files = [
        *logs.glob("*.log"),
        running.cluster / "server.log",
        running.broker.folder / "server.log",
    ]
    return {
        **{f"the log {file.name}": file.read_text(errors="replace") for file in files},
        **dict(run.poller.texts()),
        "a message": "\n".join(ran.messages),
    }
