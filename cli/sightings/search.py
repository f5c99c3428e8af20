"""`hkplates search`: finds a mark, half a mark or a misread one, with the reason for each match."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import typer

from cli.context import opened_database
from hkplates.database.queries.mark_search import (
    MarkQuery,
    Match,
    Matches,
    PatternInvalid,
    corrected_readings,
    search,
)
from hkplates.database.sighting_filter import SightingFilter
from hkplates.exit_status import ExitStatus
from hkplates.formatting import printable
from hkplates.settings import Settings
from hkplates.time_ranges import HONG_KONG

HEADER = f"{'mark':<9} {'score':>6} {'read':>5}  {'taken (Hong Kong)':<17} why"


def run_search(query: MarkQuery, settings: Settings, *, as_json: bool) -> int:
    """Runs `hkplates search`; returns the exit status.

    Raises:
        typer.BadParameter: the pattern is no mark, or too loose.
    """
    with opened_database(settings) as engine:
        try:
            matches = search(engine, query)
        except PatternInvalid as error:
            raise typer.BadParameter(str(error)) from None
        corrected = [] if as_json or matches.found else corrected_readings(engine, query)
    typer.echo(
        json.dumps(matches_as_json(query, matches))
        if as_json
        else format_matches(query, matches, corrected)
    )
    return ExitStatus.DONE


def matches_as_json(query: MarkQuery, matches: Matches) -> dict[str, Any]:
    """Returns the object that `--json` prints: a contract."""
    return {
        "pattern": query.pattern,
        "limit": query.limit,
        "note": matches.note,
        "sightings": [_match_as_json(match) for match in matches.found],
    }


def _match_as_json(match: Match) -> dict[str, Any]:
    fields = asdict(match)
    fields["taken_at"] = match.taken_at.isoformat() if match.taken_at else None
    return fields


def format_matches(
    query: MarkQuery, matches: Matches, corrected: Sequence[tuple[str, str]] = ()
) -> str:
    """Formats two lines for each sighting, the likeliest first: the match with why, and the photo.

    `corrected` is used where nothing was found: pairs of what was read, and the correction.
    """
    lines = [HEADER, *(line for match in matches.found for line in _format_match(match))]
    if not matches.found:
        lines = [
            _format_nothing_found(query),
            *(f"One was read as {read}; a person corrected it to {it}." for read, it in corrected),
        ]
    if len(matches.found) == query.limit:
        lines.append(f"The first {query.limit}; more with --limit.")
    if matches.note:
        lines.append(f"Note: {matches.note}")
    return "\n".join(lines)


def _format_match(match: Match) -> list[str]:
    taken = match.taken_at.astimezone(HONG_KONG) if match.taken_at else None
    when = f"{taken:%Y-%m-%d %H:%M}" if taken else ""
    numbers = f"{match.score:6.3f} {match.confidence:5.2f}"
    return [f"{match.pattern:<9} {numbers}  {when:<17} {match.why}", f"  {printable(match.uri)}"]


def _format_nothing_found(query: MarkQuery) -> str:
    narrowed = query.where != SightingFilter()
    hint = (
        "ask without --since, --until and --prefix"
        if narrowed
        else "put ? for a character you are not sure of, or * for any number of them"
    )
    like = " or anything like it" if query.look_alikes else ""
    return f"No plate bears {query.pattern}{like}. You may {hint}."
