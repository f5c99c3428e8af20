"""One small function for each kind of fault."""

import random
import signal
import time
from dataclasses import dataclass
from typing import Protocol

from faults import messages
from faults.poller import CLAIMED_IMAGES, QUEUED_IMAGES, DatabasePoller
from faults.programs import Program
from faults.schedule import Fault, Kind
from faults.services import Services


@dataclass(frozen=True)
class FaultTargets:
    """What can be struck: servers, programs, and a bystander's view of the tables."""

    services: Services
    poller: DatabasePoller
    workers: list[Program]
    producer: Program
    dispatcher: Program
    outage_seconds: tuple[float, float]
    """For how long a server that is taken away stays away, at least and at most."""
    s3_fault_seconds: float
    """For how long S3 is busy, cut off or slow."""


class Injector(Protocol):
    """Strikes; returns what it did, in words."""

    def __call__(self, stage: FaultTargets, dice: random.Random) -> str: ...


def kill_child(stage: FaultTargets, dice: random.Random) -> str:
    """As the kernel does to a process that takes too much memory."""
    worker = _busy_worker(stage, dice)
    children = worker.children()
    if not children:
        return "no child was there"
    dice.choice(children).kill()
    return f"a child of {worker.name}, kill -9"


def kill_worker(stage: FaultTargets, dice: random.Random) -> str:
    """As when a machine dies."""
    worker = dice.choice(stage.workers)
    worker.kill()
    return f"{worker.name} with its children, kill -9; started again"


def kill_parent(stage: FaultTargets, dice: random.Random) -> str:
    """The children find themselves alone in the middle of their work."""
    worker = dice.choice(stage.workers)
    worker.kill(children=False)
    return f"{worker.name} without its children, kill -9; started again"


def kill_producer(stage: FaultTargets, dice: random.Random) -> str:
    return _kill(stage.producer)


def kill_dispatcher(stage: FaultTargets, dice: random.Random) -> str:
    return _kill(stage.dispatcher)


def flush_redis(stage: FaultTargets, dice: random.Random) -> str:
    with stage.services.redis() as client:
        waiting = messages.count_messages(client)["waiting"]
        client.flushall()
    return f"FLUSHALL with {waiting} messages waiting"


def empty_redis(stage: FaultTargets, dice: random.Random) -> str:
    stage.services.kill_redis(forget=True)
    away = _wait_out_outage(stage, dice)
    stage.services.start_redis()
    return f"kill -9, started again without data after {away:.1f} s"


def restart_redis(stage: FaultTargets, dice: random.Random) -> str:
    stage.services.kill_redis(signal.SIGTERM)
    away = _wait_out_outage(stage, dice)
    stage.services.start_redis()
    return f"stopped, started again with its data after {away:.1f} s"


def restart_postgres(stage: FaultTargets, dice: random.Random) -> str:
    return _restart_postgres(stage, dice, signal.SIGINT, "fast stop")


def crash_postgres(stage: FaultTargets, dice: random.Random) -> str:
    """Without a checkpoint: it has to find out from its log what was committed."""
    how = dice.choice([signal.SIGQUIT, signal.SIGKILL])
    words = {signal.SIGQUIT: "immediate stop", signal.SIGKILL: "kill -9"}
    return _restart_postgres(stage, dice, how, words[how])


def busy_s3(stage: FaultTargets, dice: random.Random) -> str:
    stage.services.proxy.worsen("busy", stage.s3_fault_seconds, share=0.8)
    return f"503 to 80% of the requests for {stage.s3_fault_seconds:.0f} s"


def reset_s3(stage: FaultTargets, dice: random.Random) -> str:
    stage.services.proxy.worsen("reset", stage.s3_fault_seconds, share=0.8)
    return f"80% of the answers cut off in the middle for {stage.s3_fault_seconds:.0f} s"


def slow_s3(stage: FaultTargets, dice: random.Random) -> str:
    stage.services.proxy.worsen("slow", stage.s3_fault_seconds)
    return f"answers trickle for {stage.s3_fault_seconds:.0f} s"


def duplicate(stage: FaultTargets, dice: random.Random) -> str:
    with stage.services.redis() as client:
        return f"{messages.duplicate(client, dice)} messages sent again"


def reorder(stage: FaultTargets, dice: random.Random) -> str:
    with stage.services.redis() as client:
        return f"{messages.shuffle(client, dice)} waiting messages shuffled"


def malform(stage: FaultTargets, dice: random.Random) -> str:
    victims = sorted(stage.poller.ids(QUEUED_IMAGES))
    chosen = dice.sample(victims, min(3, len(victims)))
    with stage.services.redis() as client:
        number = messages.forge(client, stage.services.broker.url, chosen)
    return f"{number} malformed and forged messages pushed"


INJECTORS: dict[Kind, Injector] = {
    "child killed": kill_child,
    "worker killed": kill_worker,
    "parent killed": kill_parent,
    "producer killed": kill_producer,
    "dispatcher killed": kill_dispatcher,
    "redis flushed": flush_redis,
    "redis emptied": empty_redis,
    "redis restarted": restart_redis,
    "postgres restarted": restart_postgres,
    "postgres crashed": crash_postgres,
    "s3 busy": busy_s3,
    "s3 reset": reset_s3,
    "s3 slow": slow_s3,
    "messages duplicated": duplicate,
    "messages reordered": reorder,
    "messages malformed": malform,
}

QUEUE_LOSSES: frozenset[Kind] = frozenset({"redis flushed", "redis emptied", "redis restarted"})


def affected_images(targets: FaultTargets, fault: Fault) -> frozenset[int]:
    """The images that a fault may harm: those in work, or all that were sent."""
    return targets.poller.ids(QUEUED_IMAGES if fault.kind in QUEUE_LOSSES else CLAIMED_IMAGES)


def _kill(program: Program) -> str:
    if program.pid is None:
        return "it had ended before"
    program.kill()
    return "kill -9; the same command started again"


def _busy_worker(stage: FaultTargets, dice: random.Random) -> Program:
    """Rather one that has children: another may be starting."""
    ready = [worker for worker in stage.workers if worker.children()]
    return dice.choice(ready or stage.workers)


def _restart_postgres(
    stage: FaultTargets, dice: random.Random, how: signal.Signals, words: str
) -> str:
    stage.services.stop_postgres(how)
    away = _wait_out_outage(stage, dice)
    stage.services.start_postgres()
    return f"{words}, started again after {away:.1f} s"


def _wait_out_outage(stage: FaultTargets, dice: random.Random) -> float:
    seconds = dice.uniform(*stage.outage_seconds)
    time.sleep(seconds)
    return seconds
