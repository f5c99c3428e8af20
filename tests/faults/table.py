"""The verdict as a person reads it."""

from collections.abc import Iterator

from faults.end_to_end import Experiment, Verdict
from faults.expectations import truncated
from rich.console import Console, RenderableType
from rich.table import Table


def print_verdict(verdict: Verdict, task: Experiment, console: Console) -> None:
    """Print everything, the differences last."""
    console.print(_numbers(verdict, task), _strikes(verdict), sep="\n")
    for line in _remarks(verdict):
        console.print(line)
    for line in truncated(verdict.wrong):
        console.print(f"[red]wrong[/red]: {line}", highlight=False)


def _numbers(verdict: Verdict, task: Experiment) -> RenderableType:
    table = Table(title=f"Seed {task.seed}: what became of the images", title_justify="left")
    table.add_column("")
    table.add_column("", justify="right")
    told = verdict.deliveries
    calm = "known from an earlier run" if verdict.baseline_was_cached else "read in this run"
    rows = {
        "images": sum(verdict.outcomes.values()),
        **{f"  {end}": number for end, number in sorted(verdict.outcomes.items())},
        f"plates, compared with the fault-free run ({calm})": verdict.plates,
        "messages delivered": told.messages,
        "  of them again": told.duplicates,
        "  malformed or forged, dropped": told.dropped,
        "images delivered again and left alone": told.skipped,
        "images handed back, a service being away": told.handed_back,
        "images begun more than once, times": verdict.extra_attempts,
        "answers of S3 spoilt": sum(n for mode, n in verdict.proxied.items() if mode != "well"),
        "seconds in all": round(verdict.seconds),
        "longest time without an image ended, seconds": round(verdict.longest_gap, 1),
        "differences": len(verdict.wrong),
    }
    for name, number in rows.items():
        table.add_row(name, f"{number:,}")
    return table


def _strikes(verdict: Verdict) -> RenderableType:
    title = "Faults, and seconds from each to the next image and to the last of those it hit"
    table = Table(title=title, title_justify="left")
    for name in ("at", "fault", "what was done", "next", "hit", "all of them"):
        table.add_column(name, justify="left" if name in ("fault", "what was done") else "right")
    first = min((strike.began for strike, _ in verdict.injections), default=0.0)
    for strike, seconds in verdict.injections:
        table.add_row(
            f"{strike.began - first:.0f}",
            strike.fault.kind,
            strike.description,
            _seconds(seconds.to_next),
            str(len(strike.affected)),
            _seconds(seconds.to_all),
        )
    return table


def _remarks(verdict: Verdict) -> Iterator[str]:
    for name, statuses in verdict.unexpected_exits.items():
        yield f"{name} ended by itself with {', '.join(map(str, statuses))}, and was started again."


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f}"
