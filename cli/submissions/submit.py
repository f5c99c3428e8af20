"""`hkplates submit`: open what it needs, list a source, see it to its end, print the report."""

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
import typer

from hkplates.database.schema.revision import require_current_schema
from hkplates.embedded import servers as embedded
from hkplates.settings import Settings

if TYPE_CHECKING:
    from producer.sources import Source
    from producer.submit import Report
from cli.context import INTERRUPTED, opened_engine

QUARANTINED_HINT = (
    "Those set aside were begun three times and never finished; submitting again leaves them "
    "alone. To try them again: hkplates retry"
)


def run_submit(source_text: str, name: str | None, settings: Settings, *, as_json: bool) -> int:
    """`hkplates submit`; the exit status."""
    from producer.sources import parse_source

    source = parse_source(source_text)
    database_url, broker_url = embedded.resolve_urls(settings)
    with opened_engine(database_url) as engine:
        # Ask everyone first, so that nothing is begun that could not go on.
        require_current_schema(engine)
        report = _submit(source, name, engine, broker_url, settings)
    if report is None:
        return INTERRUPTED
    typer.echo(json.dumps(report.as_json()) if as_json else format_report(report.as_json()))
    return report.exit_code


def _submit(
    source: "Source", name: str | None, engine: sa.Engine, broker_url: str, settings: Settings
) -> "Report | None":
    """Run it to its end; None where it was interrupted."""
    # Only here: Celery and boto3 take half a second to import, which no other command needs.
    from cli.submissions.running import opened_run
    from hkplates.storage.stores import open_stores
    from producer.listing import Batches
    from producer.submit import Submit

    with opened_run(Submit, engine, broker_url, settings) as run:
        store = open_stores()[source.store]
        try:
            return run.run(source, name, lambda after: Batches(store, source, after=after))
        except KeyboardInterrupt:
            run.progress.print_message(
                "Interrupted. Nothing is lost: the same command goes on from here."
            )
            return None


def format_report(report: dict[str, Any]) -> str:
    """The report of a submission in words."""
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


def format_reasons(reasons: dict[str, int]) -> str:
    """3 missing, 1 empty"""
    return ", ".join(f"{count:,} {reason}" for reason, count in reasons.items())
