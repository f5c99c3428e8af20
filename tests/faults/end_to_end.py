"""Runs an experiment from a seed to a verdict: images read without and under faults, compared."""

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
    """The size, seeds, faults and  "baseline"/folder / "baseline"of an experiment."""

    images: int
    scenes: int
    images_seed: int
    seed: int
    plan: Plan
    folder: Path
    """For scenes, logs and, with `cache_baseline`, the baseline run's plates."""
    cache_baseline: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """The results that the table shows. Nothing may stand in `wrong`."""

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


def run_experiment(experiment: Experiment, log: Callable[[str], None]) -> Verdict:
    """Runs the experiment; servers and programs are gone afterwards, logs stay."""
    log(f"{experiment.images:,} images of {experiment.scenes} scenes ...")
    scenes = draw_scenes(experiment.folder / "scenes", experiment.scenes, experiment.images_seed)
    images = list(make_images(scenes, experiment.images, experiment.images_seed))
    with services(experiment.seed) as servers:
        archive = make_archive(servers.s3, images)
        archive.put_harmless()
        baseline_plan = replace(experiment.plan, schedule=(), app="workers.app")
        cache = experiment.folder if experiment.cache_baseline else None
        baseline, cached = read_baseline(
            servers, archive, baseline_plan, experiment.folder / "baseline", cache, log
        )
        archive.put_poison()
        logs = experiment.folder / f"seed-{experiment.seed}"
        log(f"{len(experiment.plan.schedule)} faults; logs in {logs} ...")
        for old in logs.glob("*.log"):
            old.unlink()
        run = FaultRun(servers, archive, experiment.plan, logs, "faulty")
        with closing(run.poller):
            result = run.run(log)
            expected = archive.expected_outcomes(baseline, listed_again=result.listed_again)
            return _evaluate(run, result, servers, expected, cached, logs)


def _evaluate(
    run: FaultRun,
    result: RunResult,
    servers: Services,
    expected: Mapping[ObjectId, Outcome],
    cached: bool,
    logs: Path,
) -> Verdict:
    found = list(run.poller.outcomes())
    workers = [program.log for program in run.programs if program.name.startswith("worker")]
    ended = dict(run.poller.query(PROCESSED_TIMES))
    wrong = [
        *result.wrong,
        *differences(expected, found),
        *_check_sightings(run, found),
        *_check_held_messages(servers),
        *leaks(servers.secrets(), _written_texts(run, result, servers, logs)),
    ]
    return Verdict(
        Counter(
            end.state if end.reason is None else f"{end.state}: {end.reason}" for _, end in found
        ),
        sum(len(end.plates) for _, end in found),
        cached,
        deliveries(workers),
        int(run.poller.query(COUNT_EXTRA_ATTEMPTS)[0][0]),
        [(injection, recovery(injection, ended)) for injection in result.injections],
        {
            program.name: program.unexpected_exits
            for program in run.programs
            if program.unexpected_exits
        },
        servers.proxy.done,
        result.seconds,
        longest_gap(list(ended.values())),
        wrong,
    )


def _check_sightings(run: FaultRun, found: Sequence[tuple[ObjectId, Outcome]]) -> list[str]:
    """Checks that the view shows each plate of each image that is not superseded once."""
    plates = sum(len(end.plates) for _, end in found if not end.superseded)
    shown = run.poller.query(COUNT_SIGHTINGS)[0][0]
    return [] if shown == plates else [f"{plates} plates were saved, and sightings shows {shown}"]


def _check_held_messages(servers: Services) -> list[str]:
    """Checks that no message is held, every image having ended and every worker stopped."""
    with servers.redis() as client:
        held = messages.count_messages(client)["held"]
    return [f"{held} messages are still held"] if held else []


def _written_texts(
    run: FaultRun, result: RunResult, servers: Services, logs: Path
) -> dict[str, str]:
    """Returns all that was written: logs, rows, and messages as they stood at each fault."""
    files = [
        *logs.glob("*.log"),
        servers.cluster / "server.log",
        servers.broker.folder / "server.log",
    ]
    return {
        **{f"the log {file.name}": file.read_text(errors="replace") for file in files},
        **dict(run.poller.texts()),
        "a message": "\n".join(result.messages),
    }
