"""Types of parameters that several pages take."""

from typing import Annotated

from fastapi import Path, Query

RowId = Annotated[int, Path(ge=1, lt=2**63)]
"""Id of a database row in the path."""
BeforeId = Annotated[int | None, Query(ge=1, lt=2**63)]
"""Id that a page of an older part of a list begins below."""
ShortText = Annotated[str, Query(max_length=200)]
