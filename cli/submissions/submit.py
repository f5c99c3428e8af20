"""`hkplates submit`: lists a source, runs its submission to its end and prints the report."""

import json
from typing import TYPE_CHECKING, Any

import typer

from cli.context import opened_engine
from cli.submissions.status import format_reasons
from hkplates.database.schema.revision import require_current_schema
from hkplates.embedded.servers import resolve_urls
from hkplates.settings import Settings

if TYPE_CHECKING:
    import sqlalchemy as sa

    from producer.sources import Source
    from producer.submit import Report

QUARANTINED_HINT = (
    "Those set aside were begun three times and never finished; submitting again leaves them "
    "alone. To try them again: hkplates retry"
)


def run_submit(source_text: str, name: str | None, settings: Settings, *, as_json: bool) -> int:
    """Runs `hkplates submit`; returns the exit status.

    Raises:
        SourceError: the source cannot be listed.
        SetupError: the servers or the schema are not set up.
        TemporaryFault: a service stayed away for longer than our patience.
        typer.Exit: the run was interrupted.
    """
    from producer.sources import parse_source

    source = parse_source(source_text)
    database_url, broker_url = resolve_urls(settings)
    with opened_engine(database_url) as engine:
        # Checked first, so that nothing is begun that could not go on.
        require_current_schema(engine)
        report = _submit(source, name, engine, broker_url, settings)
    typer.echo(json.dumps(report.as_json()) if as_json else format_report(report.as_json()))
    return report.exit_code


def _submit(
    source: "Source", name: str | None, engine: "sa.Engine", broker_url: str, settings: Settings
) -> "Report":
    """Runs the submission to its end."""
    # Only here: Celery and boto3 take half a second to import, which no other command needs.
    from cli.submissions.running import opened_run
    from hkplates.storage.stores import open_stores
    from producer.listing import Batches
    from producer.submit import Submit

    with opened_run(Submit, engine, broker_url, settings) as run:
        store = open_stores()[source.store]
        return run.run(source, name, lambda after: Batches(store, source, after=after))


def format_report(report: dict[str, Any]) -> str:
    """Formats the report of a submission as sentences."""
    images = report["images"]
    known = f"{report['known']:,} listed before, " if report["known"] else ""
    taken = (
        f"{report['taken_over']:,} taken over from other submissions, "
        if report["taken_over"]
        else ""
    )
    lines = [
        f"Submission {report['submission']} of {report['source']}"
        f"{' (continued)' if report['resumed'] else ''}: {report['listed']:,} listed, "
        f"{known}{taken}{report['new']:,} new, {report['retried']:,} tried again, "
        f"{report['skipped']:,} skipped (already submitted and unchanged).",
        f"{images['done']:,} done with {report['plates']:,} plates, "
        f"{images['failed']:,} failed, {images['quarantined']:,} set aside, "
        f"in {report['seconds']:,.1f} s.",
    ]
    if report["reasons"]:
        lines.append("Not read: " + format_reasons(report["reasons"]) + ".")
        lines.append(f"Which and why: hkplates failures {report['submission']}")
    if images["failed"]:
        lines.append("Submit the same source again to try the failed ones once more.")
    if images["quarantined"]:
        lines.append(QUARANTINED_HINT)
    return "\n".join(lines)
