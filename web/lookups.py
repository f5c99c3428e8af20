"""Looks up what a request's path names, and answers 404 if there is none."""

from fastapi import HTTPException

from hkplates.database.queries.sightings import Sighting, find_sighting
from hkplates.database.queries.submissions import SubmissionRow, find_submission
from web.services import Services


def require_submission(services: Services, number: int) -> SubmissionRow:
    """Returns the submission of an id.

    Raises:
        HTTPException: 404, there is none.
    """
    row = find_submission(services.engine, number)
    if row is None:
        raise HTTPException(404, f"There is no submission {number}")
    return row


def require_sighting(services: Services, plate_id: int) -> Sighting:
    """Returns the sighting of a plate's id.

    Raises:
        HTTPException: 404, there is none.
    """
    sighting = find_sighting(services.engine, plate_id)
    if sighting is None:
        raise HTTPException(404, f"There is no sighting {plate_id}")
    return sighting
