"""A row for everything that people ask and do."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request


def noted(
    request: Request, action: str, subject: Mapping[str, Any], purpose: str | None = None
) -> None:
    """placeholder"""
