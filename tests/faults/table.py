"""Prints a verdict as tables."""

from collections.abc import Iterator

from faults.end_to_end import Experiment, Verdict
from faults.expectations import truncated
from rich.console import Console, RenderableType
from rich.table import Table


def print_verdict(verdict: Verdict, experiment: Experiment, console: Console) -> None:
    """Prints everything, the differences last."""
    console.print(_numbers(verdict, experiment), _injections(verdict), sep="\n")
    for line in _remarks(verdict):
        console.print(line)
    for line in truncated(verdict.wrong):
        console.print(f"[red]wrong[/red]: {line}", highlight=False)


def _numbers(verdict: Verdict, experiment: Experiment) -> RenderableType:
    table = Table(title=f"Seed {experiment.seed}: outcomes of the images", title_justify="left")
    table.add_column("")
    table.add_column("", justify="right")
    deliveries = verdict.deliveries
    baseline = "known from an earlier run" if verdict.baseline_was_cached else "read in this run"
    rows = {
        "images": sum(verdict.outcomes.values()),
        **{f"  {outcome}": number for outcome, number in sorted(verdict.outcomes.items())},
        f"plates, compared with the baseline run ({baseline})": verdict.plates,
        "messages delivered": deliveries.messages,
        "  of them again": deliveries.duplicates,
        "  malformed or forged, dropped": deliveries.dropped,
        "images delivered again and left alone": deliveries.skipped,
        "images handed back, a service being away": deliveries.handed_back,
        "attempts beyond the first of an image": verdict.extra_attempts,
        "answers of S3 spoilt": sum(n for mode, n in verdict.proxied.items() if mode != "well"),
        "seconds in all": round(verdict.seconds),
        "longest time without an image ended, seconds": round(verdict.longest_gap, 1),
        "differences": len(verdict.wrong),
    }
    for name, number in rows.items():
        table.add_row(name, f"{number:,}")
    return table


def _injections(verdict: Verdict) -> RenderableType:
    title = "Faults, and seconds from each to the next image and to the last of those affected"
    table = Table(title=title, title_justify="left")
    for name in ("at", "fault", "what was done", "next", "affected", "all of them"):
        table.add_column(name, justify="left" if name in ("fault", "what was done") else "right")
    first = min((injection.began for injection, _ in verdict.injections), default=0.0)
    for injection, seconds in verdict.injections:
        table.add_row(
            f"{injection.began - first:.0f}",
            injection.fault.kind,
            injection.description,
            _seconds(seconds.to_next),
            str(len(injection.affected)),
            _seconds(seconds.to_all),
        )
    return table


def _remarks(verdict: Verdict) -> Iterator[str]:
    for name, statuses in verdict.unexpected_exits.items():
        yield f"{name} ended by itself with {', '.join(map(str, statuses))}, and was started again."


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f}"
