"""Prints a comparison as sentences and tables, one JSON object, or the changes as CSV."""

import csv
import json
import sys

import typer
from rich.console import Console
from rich.table import Table

from cli.compare.comparison import MIN_CONFIDENCE_CHANGE, Change, Comparison, Tally
from cli.csv_guard import escape_formula
from hkplates.database.queries.version_pairs import Reading
from hkplates.formatting import pluralise, printable

NO_LABELS = (
    "Which version is right it cannot say: that takes photographs whose plates are known (make "
    "accuracy), or a person who looks at the changes."
)
COLUMNS = ("mark", "text", "region", "rows", "colour", "confidence", "pattern")
TITLES = {
    "read_differently": "read differently",
    "only_in_old": "only in {old}",
    "only_in_new": "only in {new}",
}


def format_summary(counted: Comparison) -> str:
    """Formats the sentences that help to decide between the two versions."""
    old, new, total = counted.old, counted.new, counted.total
    if not counted.images:
        return (
            f"No image was read by version {old} and by version {new}. Read some again with the "
            "newer one first: hkplates reprocess --limit 500"
        )
    parts = [
        f"On {counted.images:,} images, version {new} reads {total.read_differently:,} of "
        f"{total.found_by_both:,} plates differently from version {old}, finds "
        f"{total.only_in_new:,} that {old} did not, and misses {total.only_in_old:,} that {old} "
        "found."
    ]
    if total.read_differently:
        parts.append(
            f"It is surer than {old} of {counted.new_surer:,} of the "
            f"{total.read_differently:,}; {counted.unread_in_old:,} had no mark under {old}, and "
            f"{counted.unread_in_new:,} have none under {new}; {counted.incomplete_in_old:,} were "
            f"not seen whole under {old}, and {counted.incomplete_in_new:,} are not under {new}."
        )
    if total.same:
        parts.append(
            f"Where both read the same it is surer of {total.surer:,} and less sure of "
            f"{total.less_sure:,} (by {MIN_CONFIDENCE_CHANGE} or more)."
        )
    return " ".join([*parts, NO_LABELS])


def show_text(counted: Comparison, surest: list[Change]) -> None:
    """Prints the summary, the table of groups, and the surest changes."""
    typer.echo(format_summary(counted))
    if not counted.images:
        return
    console = Console(markup=False, emoji=False)  # keys may hold anything
    console.print(_groups_table(counted))
    if surest:
        console.print(_changes_table(counted, surest))
    if left := _left_out(counted, surest):
        typer.echo(f"{pluralise(left, 'more change')}; list them with --limit, or --csv.")


def show_json(counted: Comparison, surest: list[Change]) -> None:
    """Prints one object that holds the surest changes."""
    typer.echo(
        json.dumps(
            {
                **counted.as_json(),
                "changes": [change.as_json() for change in surest],
                "changes_left_out": _left_out(counted, surest),
            }
        )
    )


def show_csv(counted: Comparison, surest: list[Change]) -> None:
    """Prints the changes alone, a line for each; the summary goes to standard error."""
    names = [f"{side}_{column}" for side in ("old", "new") for column in COLUMNS]
    rows = [[c.kind, c.image_id, c.uri, *_cells(c.old), *_cells(c.new)] for c in surest]
    write_csv(["change", "image_id", "uri", *names], rows)
    typer.echo(format_summary(counted), err=True)
    if left := _left_out(counted, surest):
        typer.echo(f"{pluralise(left, 'more change')}; list them with --limit.", err=True)


def _left_out(counted: Comparison, surest: list[Change]) -> int:
    total = counted.total
    return total.read_differently + total.only_in_old + total.only_in_new - len(surest)


def _groups_table(counted: Comparison) -> Table:
    old, new = counted.old, counted.new
    table = Table("plates", box=None, title_justify="left")
    for column in ("same", "read differently", f"only in {old}", f"only in {new}"):
        table.add_column(column, justify="right")
    table.add_column("confidence of the same")
    rows = [("all", counted.total)]
    for name, group in counted.groups.items():
        if len(group) > 1:
            titles = ((_group_title(name, value), tally) for value, tally in group.items())
            rows += sorted(titles)
    for title, tally in rows:
        numbers = (tally.same, tally.read_differently, tally.only_in_old, tally.only_in_new)
        table.add_row(title, *(f"{number:,}" for number in numbers), _format_confidence(tally))
    return table


def _group_title(name: str, value: str) -> str:
    if name == "rows":
        return "one row" if value == "1" else "two rows"
    return f"{name} {value}"


def _format_confidence(tally: Tally) -> str:
    if not tally.same:
        return ""
    return f"{tally.old_sum / tally.same:.2f} -> {tally.new_sum / tally.same:.2f}"


def _changes_table(counted: Comparison, surest: list[Change]) -> Table:
    table = Table("change", f"version {counted.old}", f"version {counted.new}", box=None)
    table.add_column("photograph", overflow="fold")
    for change in surest:
        title = TITLES[change.kind].format(old=counted.old, new=counted.new)
        table.add_row(
            title, _format_reading(change.old), _format_reading(change.new), printable(change.uri)
        )
    return table


def _format_reading(reading: Reading | None) -> str:
    """Formats a reading with its confidence: `AB 1234 0.98`."""
    if reading is None:
        return ""
    whose = "" if reading.region == "HK" else f" ({reading.region})"
    what = printable(reading.text if reading.complete else reading.pattern) or "(not read)"
    return f"{what}{whose} {reading.confidence:.2f}"


def _cells(reading: Reading | None) -> list[object]:
    return [None if reading is None else getattr(reading, column) for column in COLUMNS]


def write_csv(names: list[str], rows: list[list[object]]) -> None:
    """Writes a line of names, then RFC 4180, to standard output."""
    writer = csv.writer(sys.stdout)
    writer.writerow(names)
    writer.writerows([_cell(value) for value in row] for row in rows)


def _cell(value: object) -> object:
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return escape_formula(value) if isinstance(value, str) else value
