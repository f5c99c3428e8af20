"""`hkplates reprocess`: validates the filter, runs the submission and prints the report."""

import json

import sqlalchemy as sa
import typer

from cli.context import opened_database
from cli.submissions.running import opened_run
from cli.submissions.status import format_reasons
from hkplates.database.ledger.reprocess import ReprocessFilter, Reprocessing
from hkplates.database.queries import submissions
from hkplates.database.results import model_versions as versions
from hkplates.database.results.save import Results
from hkplates.embedded.servers import resolve_urls
from hkplates.exit_status import ExitStatus
from hkplates.formatting import pluralise
from hkplates.recognition.model_version import ModelVersion, installed_version
from hkplates.settings import Settings
from producer.reprocess import Report, Reprocess, as_command

NO_FILTER = (
    "say which images: --below 0.8, --model, --mark, --submission or --prefix; --limit 500 for a "
    "sample of all; or --all"
)


def run_reprocess(
    wanted: ReprocessFilter,
    settings: Settings,
    *,
    all_images: bool,
    dry_run: bool,
    wait: bool,
    as_json: bool,
) -> int:
    """Runs `hkplates reprocess`; returns the exit status.

    Raises:
        typer.BadParameter: nothing says which images, or a number names nothing.
        SetupError: this machine lacks what it would read with.
        typer.Exit: the run was interrupted.
    """
    if not wanted.narrows and wanted.limit is None and not all_images:
        raise typer.BadParameter(NO_FILTER)
    if wanted.narrows and all_images:
        raise typer.BadParameter("--all means every image; leave it out where something narrows")
    version = current_version(settings)
    with opened_database(settings) as engine:
        _check(engine, wanted)
        if dry_run:
            choice = Reprocessing(engine, wanted, versions.number_of(engine, version))
            _show_choice(choice, as_json=as_json)
            return ExitStatus.DONE
        return _reprocess(engine, wanted, version, settings, wait=wait, as_json=as_json)


def current_version(settings: Settings) -> ModelVersion:
    """Returns the model version with which a worker with these settings would read.

    Raises:
        SetupError: this machine lacks something of it.
    """
    return installed_version(
        settings.models, settings.runtime, settings.detector_threshold, settings.reader
    )


def _reprocess(
    engine: sa.Engine,
    wanted: ReprocessFilter,
    version: ModelVersion,
    settings: Settings,
    *,
    wait: bool,
    as_json: bool,
) -> int:
    """Runs the submission to its end, or hands it over; returns the exit status."""
    _, broker_url = resolve_urls(settings)
    with opened_run(Reprocess, engine, broker_url, settings) as run:
        target = Results(engine).register_model(version)
        if words := format_version_warning(engine, target):
            run.progress.print_message(words)
        report = run.run(Reprocessing(engine, wanted, target), target, wait=wait)
    if report is None:
        _show_nothing(wanted, target, as_json=as_json)
        return ExitStatus.DONE
    typer.echo(json.dumps(report.as_json()) if as_json else format_report(report))
    return report.exit_code


def _check(engine: sa.Engine, wanted: ReprocessFilter) -> None:
    """Refuses a number that names nothing: it would choose nothing, as if all were well.

    Raises:
        typer.BadParameter: there is no such version or submission.
    """
    if wanted.model is not None and not versions.exists(engine, wanted.model):
        raise typer.BadParameter(f"there is no model version {wanted.model}; see: hkplates compare")
    submission = wanted.sightings.submission
    if submission is not None and submissions.find_submission(engine, submission) is None:
        raise typer.BadParameter(f"there is no submission {submission}; see: hkplates status")


def format_version_warning(engine: sa.Engine, target: int) -> str | None:
    """Formats a warning where the last image was read by another version than this machine's."""
    last = versions.last_used(engine)
    if last is None or last == target:
        return None
    return (
        f"This machine's settings are model version {target}; the last image was read by version "
        f"{last}. Workers of that version would read with it again: restart them with these models "
        "and settings (what each version is: hkplates compare)."
    )


def _show_choice(choice: Reprocessing, *, as_json: bool) -> None:
    """Prints which images would be read again, for --dry-run."""
    found = choice.count()
    images = sum(found.values())
    if as_json:
        report = {"source": as_command(choice.filter), "target": choice.target}
        typer.echo(json.dumps({**report, "images": images, "versions": found}))
        return
    target = "a version not used yet" if choice.target is None else f"version {choice.target}"
    by = ", ".join(f"{count:,} read by version {number}" for number, count in found.items())
    typer.echo(
        f"{pluralise(images, 'image')} would be read again by {target}{f': {by}' if by else ''}."
    )


def _show_nothing(wanted: ReprocessFilter, target: int, *, as_json: bool) -> None:
    if as_json:
        report = {"submission": None, "source": as_command(wanted), "target": target}
        typer.echo(json.dumps(report))
    else:
        typer.echo(f"Nothing to do: no image of these was read by a version other than {target}.")


def format_report(report: Report) -> str:
    """Formats the report of a reprocessing as sentences."""
    images, added, opened = report.counts, report.added, report.submission
    known = f", {added.known:,} chosen before" if added.known else ""
    taken = f", {added.taken_over:,} taken over" if added.taken_over else ""
    lines = [
        f"Submission {opened.id} ({opened.source}){' (continued)' if opened.resumed else ''}: "
        f"{added.retried:,} chosen{taken}{known}, for model version {report.target}.",
        f"{images.done:,} done with {report.plates:,} plates, {images.failed:,} failed, "
        f"{images.quarantined:,} set aside, in {report.seconds:,.1f} s.",
    ]
    if images.left:
        lines.append(
            f"{images.left:,} wait; sightings shows what was read on them before. What sends "
            "them: hkplates dispatch, or the same command again."
        )
    if report.reasons:
        lines.append(
            f"Not read again: {format_reasons(report.reasons)}; what was read on them before "
            f"stays. Which and why: hkplates failures {opened.id}"
        )
    others = {n: count for n, count in report.versions.items() if n != report.target}
    if others and not images.left:
        by = ", ".join(f"{count:,} by version {number}" for number, count in others.items())
        lines.append(
            f"Read by another version than {report.target}: {by}. Workers of it still run; restart "
            "them, and run the same command again."
        )
    if report.before is not None:
        old, new = report.before, report.target
        lines.append(f"What changed: hkplates compare {old} {new} --submission {opened.id}")
    return "\n".join(lines)
