"""Formats values for the pages: states and reasons in plain words, numbers, and Hong Kong times."""

from datetime import UTC, datetime

from markupsafe import Markup, escape

from hkplates.database.queries.submissions import RECENT_SECONDS
from hkplates.formatting import printable
from hkplates.recognition.marks import canonical
from hkplates.reporting.status import Status
from hkplates.time_ranges import HONG_KONG

WORKER = "celery -A workers.app worker"
"""The command that starts a worker."""
SUBMISSION_STATES = {
    "listing": "Listing",
    "running": "Running",
    "finished": "Finished",
    "paused": "Paused",
    "cancelled": "Cancelled",
}
SUBMISSION_STATE_DESCRIPTIONS = {
    "listing": "Its photographs are still being listed; what is listed is sent to workers already.",
    "running": "All photographs are listed; workers read what is sent to them.",
    "finished": "Every photograph has been looked at.",
    "paused": "Nothing more of it is sent to the workers until it is resumed.",
    "cancelled": "What was not read when it was cancelled will not be read.",
}
IMAGE_STATES = {
    "pending": "Waiting",
    "queued": "Sent",
    "done": "Read",
    "failed": "Could not be read",
    "quarantined": "Set aside",
    "cancelled": "Cancelled",
}
IMAGE_STATE_DESCRIPTIONS = {
    "pending": "not sent to a worker yet",
    "queued": "sent to the workers; some may be being read just now",
    "done": "looked at; the plates that were found are in the results",
    "failed": "see the reasons below",
    "quarantined": "begun three times and never finished",
    "cancelled": "not read, because the submission was cancelled",
}
REASONS = {
    "missing": "It is not there any more",
    "forbidden": "Reading it is not allowed",
    "archived": "It lies in an archive tier and must be restored first",
    "changed": "It was replaced after it was listed",
    "empty": "The file is empty",
    "undecodable": "It is not an image, or is damaged throughout",
    "truncated": "The file ends in the middle of the picture",
    "unsupported": "It is in a format that is not read",
    "too_large": "It is larger than the limits allow",
    "timed_out": "Reading it took too long, three times",
    "out_of_memory": "Reading it took too much memory, three times",
    "crashed": "It took the reading program down, three times",
}
COLOURS = {"white": "white, as at the front", "yellow": "yellow, as at the rear", "other": "other"}
REGIONS = {"HK": "Hong Kong", "CN": "Mainland China", "MO": "Macau", "other": "elsewhere"}
SERIES = {
    "usual": "usual",
    "numeral": "digits alone",
    "government": "government",
    "ambulance": "ambulance",
    "fire": "fire services",
    "legislative": "Legislative Council",
    "zg": "ZG",
    "vip": "VV",
    "trade": "trade plate",
    "trailer": "trailer",
    "cross_boundary": "cross-boundary",
    "personalised": "personalised",
    "unknown": "of no known series",
}
VERDICTS = {
    "accepted": "accepted",
    "corrected": "corrected",
    "not_a_plate": "found to be no plate",
}


def number(value: float) -> str:
    """Formats a whole number: 1,234,567."""
    return f"{value:,.0f}"


def percent(value: float) -> str:
    """Formats a probability: 93%; never 0% or 100% unless it is impossible or certain."""
    rounded = f"{value:.0%}"
    if rounded == "0%" and value > 0:
        return "under 1%"
    return "over 99%" if rounded == "100%" and value < 1 else rounded


def rate(value: float) -> str:
    """Formats a rate: 12 or 0.4."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def duration(seconds: float) -> str:
    """Formats a duration: 40 s, 3 min, 2 h 5 min, 4 days 2 h."""
    minutes = round(seconds / 60)
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} days {hours} h" if hours else f"{days} days"


def time_element(value: datetime | None) -> Markup:
    """Builds the <time> element of a moment, in Hong Kong time to the second."""
    if value is None:
        return Markup('<span class="quiet">time not known</span>')
    local = _in_hong_kong(value)
    zone = "" if local.tzinfo is HONG_KONG else " UTC"
    return Markup('<time datetime="{}">{}{}</time>').format(
        value.astimezone(UTC).isoformat(timespec="seconds"),
        local.replace(tzinfo=None).isoformat(" ", "seconds"),  # strftime writes year 1 as 1
        zone,
    )


def day(value: datetime) -> str:
    """Formats the day of a moment in Hong Kong: 2026-07-15."""
    return _in_hong_kong(value).date().isoformat()


def _in_hong_kong(value: datetime) -> datetime:
    """Converts a moment to Hong Kong time, or to UTC if it is the year 10000 there already."""
    try:
        return value.astimezone(HONG_KONG)
    except OverflowError:
        return value.astimezone(UTC)


def breakable_uri(uri: str) -> Markup:
    """Builds a URI that may break after each slash, with unprintable characters escaped."""
    return Markup("/<wbr>").join(escape(part) for part in printable(uri).split("/"))


def finished_share(status: Status) -> float:
    """Returns the share of a submission's images that have ended, 0 to 1."""
    counts = status.counts
    return counts.ended / counts.total if counts.total else 0.0


def is_stalled(status: Status) -> bool:
    """Checks that no worker seems to take a submission's images: it was opened more than a minute
    ago, no image ended in the last one, and not all that are left are delayed by a service."""
    row, pace = status.row, status.pace
    since = (datetime.now(UTC) - row.opened_at).total_seconds()
    return (
        row.state in ("listing", "running")
        and pace.per_second == 0
        and status.counts.left > pace.delayed
        and since > RECENT_SECONDS
    )


def capitalize_first(words: str) -> str:
    """Capitalises the first letter and keeps the others as they are."""
    return words[:1].upper() + words[1:]


FILTERS = {
    "number": number,
    "percent": percent,
    "rate": rate,
    "duration": duration,
    "time_element": time_element,
    "day": day,
    "breakable_uri": breakable_uri,
    "finished_share": finished_share,
    "is_stalled": is_stalled,
    "printable": printable,
    "canonical": canonical,
    "capitalize_first": capitalize_first,
}
TABLES = {
    "SUBMISSION_STATES": SUBMISSION_STATES,
    "SUBMISSION_STATE_DESCRIPTIONS": SUBMISSION_STATE_DESCRIPTIONS,
    "IMAGE_STATES": IMAGE_STATES,
    "IMAGE_STATE_DESCRIPTIONS": IMAGE_STATE_DESCRIPTIONS,
    "REASONS": REASONS,
    "COLOURS": COLOURS,
    "REGIONS": REGIONS,
    "SERIES": SERIES,
    "VERDICTS": VERDICTS,
    "WORKER": WORKER,
}
