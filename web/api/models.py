"""Models of the API's requests and responses: a contract, documented by their docstrings (OpenAPI).

Times carry their zone; pixels are those of the upright photograph; confidences, scores and
probabilities are 0 to 1.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from hkplates.recognition.marks import MAX_LENGTH

_PRINTED = f"^ *[A-PR-Za-pr-z0-9]( ?[A-PR-Za-pr-z0-9]){{0,{MAX_LENGTH - 1}}} *$"

Share = Annotated[float, Field(ge=0, le=1)]
Next = Annotated[
    str | None, Field(description="Give it as `cursor` for the page that follows; null at the end.")
]
Verdict = Literal["accepted", "corrected", "not_a_plate"]
Corner = tuple[float, float]
Quad = Annotated[
    list[Corner],
    Field(
        min_length=4,
        max_length=4,
        description="The corners (x, y) in pixels, clockwise from the plate's own top left.",
    ),
]
Box = Annotated[
    list[float],
    Field(min_length=4, max_length=4, description="Left, top, width and height in pixels."),
]


Complete = Field(
    description="The whole plate is seen; else `mark` and `text` hold what is seen of it."
)
Pattern = Field(
    description="The mark, with `?` for any number of characters that are not seen, perhaps none."
)


class Model(BaseModel):
    """Read from the values of the database."""

    model_config = ConfigDict(from_attributes=True)


class Counts(Model):
    """Images of a submission by state."""

    pending: int
    queued: int
    done: int
    failed: int
    quarantined: int
    cancelled: int


class Advice(Model):
    """A command, and what it is for."""

    command: str
    why: str


class SubmissionHead(Model):
    """A submission, without what must be counted."""

    submission: int = Field(description="Its number.")
    source: str = Field(description="What was submitted, or the command of a reprocessing.")
    name: str | None
    state: Literal["listing", "running", "finished", "paused", "cancelled"]
    skipped: int = Field(description="Images that another submission had ended.")
    created_at: datetime
    listed_at: datetime | None
    finished_at: datetime | None
    opened_at: datetime = Field(description="When its work last began or went on.")
    options: dict[str, Any] = Field(description="Of a reprocessing: which images were chosen.")
    seconds: float = Field(description="From its creation to its end, or to now.")


class Submission(SubmissionHead):
    """A submission: how far it is, why images failed, and what to do next."""

    images: Counts
    delayed: int = Field(description="Images that wait until a service is back.")
    reasons: dict[str, int] = Field(description="Why images were not read, and how many.")
    plates: int = Field(
        description="Found on its images; an estimate where `plates_is_exact` is false."
    )
    plates_is_exact: bool
    images_per_second: float = Field(description="From its creation to its end, or to now.")
    recent_images_per_second: float = Field(description="Over the last minute.")
    eta_seconds: float | None = Field(description="At this pace; null where it cannot be told.")
    next: list[Advice] = Field(description="What may be of use next, for a terminal.")


class Submissions(Model):
    """Submissions, the newest first."""

    items: list[SubmissionHead]
    next: Next


class Failure(Model):
    """An image that could not be read."""

    submission: int
    image: int
    state: Literal["failed", "quarantined"]
    reason: str
    attempts: int
    processed_at: datetime | None
    uri: str
    detail: str | None


class Failures(Model):
    """Images that could not be read, in the order of their numbers."""

    items: list[Failure]
    next: Next


class Match(Model):
    """A sighting that may show the mark that was asked for."""

    plate_id: int
    mark: str
    text: str
    score: Share = Field(description="How probable it is that the plate bears what was asked for.")
    why: str
    confidence: Share = Field(description="How sure the reading itself is.")
    uri: str
    taken_at: datetime | None
    image_id: int
    complete: bool = Complete
    pattern: str = Pattern


class Matches(Model):
    """What a search found, the likeliest first."""

    pattern: str
    limit: int
    note: str | None = Field(description="Where not all look-alikes were asked for: that.")
    sightings: list[Match]


class Candidate(Model):
    """Another reading of a plate."""

    text: str
    confidence: float


class Review(Model):
    """What a person said about a reading. The text is as it is printed."""

    id: int
    plate_id: int
    verdict: Verdict
    mark: str | None
    text: str | None
    series: str | None
    reviewer: str
    reviewed_at: datetime
    note: str | None
    current: bool = Field(description="Nobody said anything later.")
    carried_from: int | None = Field(
        description="The review that was carried over from another model version's plate."
    )


class Sighting(Model):
    """A plate on a photograph."""

    plate_id: int
    mark: str = Field(description="In the registry's form; as a person corrected it, if one did.")
    text: str = Field(description="As it is printed; as a person corrected it, if one did.")
    series: str
    read_mark: str = Field(description="As the machine read it.")
    read_text: str = Field(description="As the machine read it.")
    region: str
    rows: int
    colour: str
    confidence: Share
    character_confidences: list[float]
    candidates: list[Candidate]
    box: Box
    quad: Quad
    detector_score: float
    reader: str
    complete: bool = Complete
    pattern: str = Pattern
    model_version_id: int
    image_id: int
    submission_id: int
    uri: str
    width: int | None
    height: int | None
    taken_at: datetime | None
    processed_at: datetime | None
    shown: bool = Field(description="The view sightings has it.")
    review: Review | None


class SightingWhole(Sighting):
    """A plate on a photograph, and what stands beside it."""

    neighbours: list[Sighting] = Field(description="Other plates on the photograph.")
    other_readings: list[Sighting] = Field(description="What other model versions read there.")
    history: list[Review] = Field(description="What people said, the newest first.")


class Sightings(Model):
    """Sightings of one mark, the newest first."""

    mark: str
    items: list[Sighting]
    next: Next


class Doubtful(Model):
    """A reading that nobody has reviewed."""

    plate_id: int
    mark: str
    text: str
    region: str
    series: str
    rows: int
    colour: str
    confidence: Share
    candidates: list[Candidate]
    box: Box
    quad: Quad
    reader: str
    complete: bool = Complete
    pattern: str = Pattern
    image_id: int
    uri: str
    width: int | None
    height: int | None
    taken_at: datetime | None


class Queue(Model):
    """Doubtful readings, the least sure first."""

    items: list[Doubtful]
    next: Next
    left: int = Field(description="How many there are, as far as they were counted.")
    left_is_exact: bool


Note = Annotated[str | None, Field(max_length=500, description="What else is to be said.")]


class Judged(BaseModel):
    """The reading is right, or there is no plate."""

    model_config = ConfigDict(extra="forbid")

    verdict: Literal["accepted", "not_a_plate"]
    note: Note = None


class Corrected(BaseModel):
    """What the plate bears in truth."""

    model_config = ConfigDict(extra="forbid")

    verdict: Literal["corrected"]
    text: str = Field(
        pattern=_PRINTED, description="What is printed: up to 8 letters and digits, without Q."
    )
    note: Note = None


ReviewGiven = Annotated[Judged | Corrected, Field(discriminator="verdict")]
"""Body of a review: a verdict, and a text for a correction."""
