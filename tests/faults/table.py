"""The verdict as a person reads it."""

from collections.abc import Iterator

from faults.end_to_end import Task, Verdict
from faults.expectations import shortened
from rich.console import Console, RenderableType
from rich.table import Table


def show(verdict: Verdict, task: Task, console: Console) -> None:
    """Print everything, the differences last."""
    console.print(_numbers(verdict, task), _strikes(verdict), sep="\n")
    for line in _remarks(verdict):
        console.print(line)
    for line in shortened(verdict.wrong):
        console.print(f"[red]wrong[/red]: {line}", highlight=False)


def _numbers(verdict: Verdict, task: Task) -> RenderableType:
    table = Table(title=f"Seed {task.seed}: what became of the images", title_justify="left")
    table.add_column("")
    table.add_column("", justify="right")
    told = verdict.deliveries
    calm = "known from an earlier run" if verdict.calm_was_known else "read in this run"
    rows = {
        "images": sum(verdict.ends.values()),
        **{f"  {end}": number for end, number in sorted(verdict.ends.items())},
        f"plates, compared with the fault-free run ({calm})": verdict.plates,
        "messages delivered": told.messages,
        "  of them again": told.duplicates,
        "  malformed or forged, dropped": told.dropped,
        "images delivered again and left alone": told.skipped,
        "images handed back, a service being away": told.handed_back,
        "images begun more than once, times": verdict.begun_again,
        "answers of S3 spoilt": sum(n for mode, n in verdict.proxied.items() if mode != "well"),
        "seconds in all": round(verdict.seconds),
        "longest time without an image ended, seconds": round(verdict.silence, 1),
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
    first = min((strike.began for strike, _ in verdict.strikes), default=0.0)
    for strike, seconds in verdict.strikes:
        table.add_row(
            f"{strike.began - first:.0f}",
            strike.fault.kind,
            strike.what,
            _seconds(seconds.following),
            str(len(strike.in_hand)),
            _seconds(seconds.through),
        )
    return table


def _remarks(verdict: Verdict) -> Iterator[str]:
    for name, statuses in verdict.deaths.items():
        yield f"{name} ended by itself with {', '.join(map(str, statuses))}, and was started again."


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f}"
