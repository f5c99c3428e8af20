"""Injects faults: one small function for each kind."""

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
    """The targets of faults: servers and programs, and a poller of the tables."""

    services: Services
    poller: DatabasePoller
    workers: list[Program]
    producer: Program
    dispatcher: Program
    outage_seconds: tuple[float, float]
    """Least and greatest seconds for which a stopped server stays away."""
    s3_fault_seconds: float
    """Seconds for which S3 is busy, cut off or slow."""


class Injector(Protocol):
    """Injects a fault; returns a description of it."""

    def __call__(self, targets: FaultTargets, rng: random.Random) -> str: ...


def kill_child(targets: FaultTargets, rng: random.Random) -> str:
    """Kills a child, as the kernel does to a process that takes too much memory."""
    worker = _busy_worker(targets, rng)
    children = worker.children()
    if not children:
        return "no child was there"
    rng.choice(children).kill()
    return f"a child of {worker.name}, kill -9"


def kill_worker(targets: FaultTargets, rng: random.Random) -> str:
    """Kills a worker with its children, as when a machine dies."""
    worker = rng.choice(targets.workers)
    worker.kill()
    return f"{worker.name} with its children, kill -9; started again"


def kill_parent(targets: FaultTargets, rng: random.Random) -> str:
    """Kills a worker's first process: its children are alone in the middle of their work."""
    worker = rng.choice(targets.workers)
    worker.kill(children=False)
    return f"{worker.name} without its children, kill -9; started again"


def kill_producer(targets: FaultTargets, rng: random.Random) -> str:
    return _kill(targets.producer)


def kill_dispatcher(targets: FaultTargets, rng: random.Random) -> str:
    return _kill(targets.dispatcher)


def flush_redis(targets: FaultTargets, rng: random.Random) -> str:
    with targets.services.redis() as client:
        waiting = messages.count_messages(client)["waiting"]
        client.flushall()
    return f"FLUSHALL with {waiting} messages waiting"


def empty_redis(targets: FaultTargets, rng: random.Random) -> str:
    targets.services.kill_redis(forget=True)
    seconds = _wait_out_outage(targets, rng)
    targets.services.start_redis()
    return f"kill -9, started again without data after {seconds:.1f} s"


def restart_redis(targets: FaultTargets, rng: random.Random) -> str:
    targets.services.kill_redis(signal.SIGTERM)
    seconds = _wait_out_outage(targets, rng)
    targets.services.start_redis()
    return f"stopped, started again with its data after {seconds:.1f} s"


def restart_postgres(targets: FaultTargets, rng: random.Random) -> str:
    return _restart_postgres(targets, rng, signal.SIGINT, "fast stop")


def crash_postgres(targets: FaultTargets, rng: random.Random) -> str:
    """Crashes PostgreSQL without a checkpoint: it must recover what was committed from its log."""
    how = rng.choice([signal.SIGQUIT, signal.SIGKILL])
    descriptions = {signal.SIGQUIT: "immediate stop", signal.SIGKILL: "kill -9"}
    return _restart_postgres(targets, rng, how, descriptions[how])


def busy_s3(targets: FaultTargets, rng: random.Random) -> str:
    targets.services.proxy.worsen("busy", targets.s3_fault_seconds, share=0.8)
    return f"503 to 80% of the requests for {targets.s3_fault_seconds:.0f} s"


def reset_s3(targets: FaultTargets, rng: random.Random) -> str:
    targets.services.proxy.worsen("reset", targets.s3_fault_seconds, share=0.8)
    return f"80% of the answers cut off in the middle for {targets.s3_fault_seconds:.0f} s"


def slow_s3(targets: FaultTargets, rng: random.Random) -> str:
    targets.services.proxy.worsen("slow", targets.s3_fault_seconds)
    return f"answers trickle for {targets.s3_fault_seconds:.0f} s"


def duplicate(targets: FaultTargets, rng: random.Random) -> str:
    with targets.services.redis() as client:
        return f"{messages.duplicate(client, rng)} messages sent again"


def reorder(targets: FaultTargets, rng: random.Random) -> str:
    with targets.services.redis() as client:
        return f"{messages.shuffle(client, rng)} waiting messages shuffled"


def malform(targets: FaultTargets, rng: random.Random) -> str:
    victims = sorted(targets.poller.ids(QUEUED_IMAGES))
    chosen = rng.sample(victims, min(3, len(victims)))
    with targets.services.redis() as client:
        number = messages.forge(client, targets.services.broker.url, chosen)
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
    """Returns the images that a fault may harm: those in work, or all that were sent."""
    return targets.poller.ids(QUEUED_IMAGES if fault.kind in QUEUE_LOSSES else CLAIMED_IMAGES)


def _kill(program: Program) -> str:
    if program.pid is None:
        return "it had ended before"
    program.kill()
    return "kill -9; the same command started again"


def _busy_worker(targets: FaultTargets, rng: random.Random) -> Program:
    """Picks a worker, rather one that has children: another may be starting."""
    ready = [worker for worker in targets.workers if worker.children()]
    return rng.choice(ready or targets.workers)


def _restart_postgres(
    targets: FaultTargets, rng: random.Random, how: signal.Signals, description: str
) -> str:
    targets.services.stop_postgres(how)
    seconds = _wait_out_outage(targets, rng)
    targets.services.start_postgres()
    return f"{description}, started again after {seconds:.1f} s"


def _wait_out_outage(targets: FaultTargets, rng: random.Random) -> float:
    seconds = rng.uniform(*targets.outage_seconds)
    time.sleep(seconds)
    return seconds
