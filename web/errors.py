"""Errors of the web server, and the problem document (RFC 9457) that describes one to a client."""

from pydantic import BaseModel, ConfigDict, Field

from hkplates.errors import TemporaryFault

PROBLEM = "application/problem+json"
FIELD_ERROR_SCHEMA = "Wrong"
"""Name of FieldError in the OpenAPI document, from which clients are generated."""


class RetryLater(TemporaryFault):
    """The request cannot be served just now (503); the message is for the client."""


class FieldError(BaseModel):
    """One value that cannot be used."""

    model_config = ConfigDict(title=FIELD_ERROR_SCHEMA)

    where: str = Field(description="The parameter, or the place in the body.")
    what: str = Field(description="What was expected.")


class Problem(BaseModel):
    """What went wrong and what to do about it (RFC 9457)."""

    title: str = Field(description="The status in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What went wrong, and what to do.")
    errors: list[FieldError] = Field(default=[], description="The values that cannot be used.")


WHAT_TO_DO = {
    400: "Go back, reload the page and try again.",
    401: "Log in first, or send a token: Authorization: Bearer TOKEN",
    403: "Your role, or the store's own rules, do not allow it.",
    404: "It may have been removed, or the address has a slip in it.",
    405: "This address does not take that method.",
    409: "It cannot be shown as it is now.",
    410: "It is not there any more.",
    413: "It is more than this page takes.",
    422: "Look at what was typed, and try again.",
    429: "Wait a moment.",
    500: "It is not your doing. The log of the page has the details.",
    502: "Another server that this page needs does not let it in.",
    503: "A service that this page needs is away, or too slow just now; try again in some seconds.",
}
