"""Classifies an exception that broke off the work at an image as a failure cause."""

import cv2
from celery.exceptions import SoftTimeLimitExceeded

from hkplates.database.schema.failure_reasons import FailureCause


def is_soft_time_limit(error: BaseException) -> bool:
    """Returns whether the soft time limit raised this."""
    return isinstance(error, SoftTimeLimitExceeded)


def classify_failure(error: Exception) -> FailureCause:
    """Returns the cause that the ledger records for an attempt that ended with this error."""
    if is_soft_time_limit(error):
        return "timed_out"
    if isinstance(error, MemoryError) or _is_opencv_without_memory(error):
        return "out_of_memory"
    return "crashed"


def _is_opencv_without_memory(error: Exception) -> bool:
    return isinstance(error, cv2.error) and getattr(error, "code", 0) == cv2.Error.StsNoMem
