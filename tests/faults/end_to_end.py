"""From a seed to a verdict: images made, read without faults, read under faults, and compared."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from faults import archive as archives
from faults import expectations as judgement
from faults import messages
from faults.baseline_run import read_calmly
from faults.expectations import End, Name
from faults.logs import Deliveries, deliveries
from faults.pictures import draw_scenes, pictures
from faults.poller import BEGUN_AGAIN, ENDED, SHOWN
from faults.recovery import Recovery, Strike, longest_silence, recovery
from faults.run import Plan, Ran, Run
from faults.services import Services, services


@dataclass(frozen=True, slots=True)
class Task:
    """What to prove on: how many images, from how many scenes, struck by what, noted where."""

    images: int
    scenes: int
    images_seed: int
    seed: int
    plan: Plan
    folder: Path
    """For scenes, logs and, with `keep`, the fault-free run's plates."""
    keep: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the table shows. Nothing may stand in `wrong`."""

    ends: Counter[str]
    plates: int
    calm_was_known: bool
    deliveries: Deliveries
    begun_again: int
    strikes: Sequence[tuple[Strike, Recovery]]
    deaths: Mapping[str, list[int]]
    proxied: Counter[str]
    seconds: float
    silence: float
    wrong: Sequence[str]


def prove(task: Task, say: Callable[[str], None]) -> Verdict:
    """Do it all; servers and programs are gone afterwards, logs stay."""
    say(f"{task.images:,} images of {task.scenes} scenes ...")
    scenes = draw_scenes(task.folder / "scenes", task.scenes, task.images_seed)
    images = list(pictures(scenes, task.images, task.images_seed))
    with services(task.seed) as running:
        archive = archives.make(running.s3, images)
        archive.put_harmless()
        calm_plan = replace(task.plan, schedule=(), app="workers.app")
        kept = task.folder if task.keep else None
        calm, known = read_calmly(running, archive, calm_plan, task.folder / "calm", kept, say)
        archive.put_poison()
        logs = task.folder / f"seed-{task.seed}"
        say(f"{len(task.plan.schedule)} faults; logs in {logs} ...")
        for old in logs.glob("*.log"):
            old.unlink()
        run = Run(running, archive, task.plan, logs, "struck")
        with closing(run.watch):
            ran = run.run(say)
            expected = archive.expected(calm, listed_again=ran.listed_again)
            return _judge(run, ran, running, expected, known, logs)


def _judge(
    run: Run,
    ran: Ran,
    running: Services,
    expected: Mapping[Name, End],
    known: bool,
    logs: Path,
) -> Verdict:
    found = list(run.watch.ends())
    workers = [program.log for program in run.programs if program.name.startswith("worker")]
    ended = dict(run.watch.insist(ENDED))
    wrong = [
        *ran.wrong,
        *judgement.differences(expected, found),
        *_shown(run, found),
        *_left(running),
        *judgement.leaks(running.secrets(), _texts(run, ran, running, logs)),
    ]
    return Verdict(
        Counter(
            end.state if end.reason is None else f"{end.state}: {end.reason}" for _, end in found
        ),
        sum(len(end.plates) for _, end in found),
        known,
        deliveries(workers),
        int(run.watch.insist(BEGUN_AGAIN)[0][0]),
        [(strike, recovery(strike, ended)) for strike in ran.strikes],
        {program.name: program.deaths for program in run.programs if program.deaths},
        running.proxy.done,
        ran.seconds,
        longest_silence(list(ended.values())),
        wrong,
    )


def _shown(run: Run, found: Sequence[tuple[Name, End]]) -> list[str]:
    """The view shows each plate of each image that is not superseded once."""
    plates = sum(len(end.plates) for _, end in found if not end.superseded)
    shown = run.watch.insist(SHOWN)[0][0]
    return [] if shown == plates else [f"{plates} plates were saved, and sightings shows {shown}"]


def _left(running: Services) -> list[str]:
    """Every image has ended and every worker has stopped in order: no message is held."""
    with running.redis() as client:
        held = messages.left(client)["held"]
    return [f"{held} messages are still held"] if held else []


def _texts(run: Run, ran: Ran, running: Services, logs: Path) -> dict[str, str]:
    """All that was written: logs, rows, and messages as they stood at each strike."""
    files = [
        *logs.glob("*.log"),
        running.cluster / "server.log",
        running.broker.folder / "server.log",
    ]
    return {
        **{f"the log {file.name}": file.read_text(errors="replace") for file in files},
        **dict(run.watch.texts()),
        "a message": "\n".join(ran.messages),
    }
