"""The page: its rooms put together."""

from pathlib import Path

from anyio import CapacityLimiter
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from web.pages import photos, search, submissions
from web.services import Services

STATIC = Path(__file__).parent / "static"
PAGES = (submissions, search, photos)


def create_app(services: Services) -> FastAPI:
    """The application over what the process holds; closes nothing of it."""
    app = FastAPI(title="hkplates", openapi_url=None, docs_url=None, redoc_url=None)
    app.state.services = services
    app.state.picture_threads = CapacityLimiter(photos.THREADS)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    for room in PAGES:
        app.include_router(room.router)
    return app
