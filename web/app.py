"""Builds the application of pages and API."""

from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from web.api import router as api
from web.auth.state import Security, local_security
from web.middleware.stack import install_middleware
from web.pages import audit, login, photos, review, search, sighting, submissions
from web.pictures.responses import install_picture_threads
from web.services import Services

STATIC = Path(__file__).parent / "static"
PAGES = (submissions, search, sighting, review, photos, login, audit)


def create_app(services: Services, security: Security | None = None) -> FastAPI:
    """Builds the application over open services, which it does not close.

    Without `security` it answers this machine alone, and nobody logs in.
    """
    app = FastAPI(
        title="hkplates",
        version=version("hkplates"),
        description=api.DESCRIPTION,
        # web/api/router.py serves the document; a page of it would need scripts of other hosts.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.state.services = services
    install_picture_threads(app)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    for page in PAGES:
        app.include_router(page.router)
    app.include_router(api.build_router())
    install_middleware(app, security or local_security())
    return app
