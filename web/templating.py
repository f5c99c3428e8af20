"""Renders the templates, with every value escaped and the principal known to every page."""

from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.templating import Jinja2Templates

from web import display
from web.auth.principal import csrf_token_of, principal_of

FOLDER = Path(__file__).parent / "templates"

_environment = Environment(
    loader=FileSystemLoader(FOLDER),
    autoescape=True,
    undefined=StrictUndefined,  # a misspelt name is an error and no empty page
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters |= display.FILTERS
_environment.globals |= display.TABLES
_templates = Jinja2Templates(env=_environment)


def render_page(
    request: Request, template: str, *, status: int = 200, **values: Any
) -> HTMLResponse:
    """Renders a page from a template, which also has the values `person` and `csrf_token`."""
    shared = {"person": principal_of(request), "csrf_token": csrf_token_of(request)}
    return _templates.TemplateResponse(request, template, shared | values, status_code=status)


def render_template(template: str, **values: Any) -> str:
    """Renders a template from values alone, without a request."""
    return _environment.get_template(template).render(values)
