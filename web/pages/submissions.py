"""Home: the submissions, how far they are, and what steers them."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from hkplates.database import queries
from web.services import Held
from web.templating import page

router = APIRouter(include_in_schema=False)


@router.get("/")
def home(request: Request, held: Held) -> HTMLResponse:
    """The latest submissions."""
    return page(request, "home.html", submissions=queries.submissions(held.engine))
