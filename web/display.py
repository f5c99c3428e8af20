"""What the pages call things: states and reasons in plain words, numbers and times as people read
them. Times are Hong Kong's."""

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
    """1,234,567"""
    return f"{value:,.0f}"


def percent(value: float) -> str:
    """93%; never 0% or 100% of what is neither impossible nor certain."""
    shown = f"{value:.0%}"
    if shown == "0%" and value > 0:
        return "under 1%"
    return "over 99%" if shown == "100%" and value < 1 else shown


def rate(value: float) -> str:
    """12 or 0.4"""
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def duration(seconds: float) -> str:
    """Some seconds, 3 min, 2 h 5 min, 4 days 2 h"""
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
    """A moment as a <time> element, in Hong Kong time to the second."""
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
    """2026-07-15"""
    return _in_hong_kong(value).date().isoformat()


def _in_hong_kong(value: datetime) -> datetime:
    """As Hong Kong's clocks show it; in UTC where there it is the year 10000 already."""
    try:
        return value.astimezone(HONG_KONG)
    except OverflowError:
        return value.astimezone(UTC)


def breakable_uri(uri: str) -> Markup:
    """A long address that may break after each slash; what cannot be printed is spelled out."""
    return Markup("/<wbr>").join(escape(part) for part in printable(uri).split("/"))


def finished_share(status: Status) -> float:
    """How much of a submission has ended, 0 to 1."""
    counts = status.counts
    return counts.ended / counts.total if counts.total else 0.0


def is_stalled(status: Status) -> bool:
    """Whether no worker seems to take what waits: it went on more than a minute ago, nothing ended
    in the last one, and it does not wait for a service."""
    row, pace = status.row, status.pace
    since = (datetime.now(UTC) - row.opened_at).total_seconds()
    return (
        row.state in ("listing", "running")
        and pace.per_second == 0
        and status.counts.left > pace.delayed
        and since > RECENT_SECONDS
    )


def capitalize_first(words: str) -> str:
    """The first letter as at a sentence's beginning; the others as they are."""
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
