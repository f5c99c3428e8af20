"""The web application with users and tokens, over a real database, and clients of it."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import argon2
import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response
from servers.processes import eventually

from cli.submissions.next_steps import format_step
from hkplates.settings import Settings
from web.app import create_app
from web.auth.config import Access
from web.auth.credentials import read_tokens, read_users, token_entry
from web.auth.sessions import Sessions
from web.auth.state import RateLimits, Security
from web.services import build_services

PASSWORD = "correct horse battery"
HOST = "plates.example.org"
ORIGIN = f"http://{HOST}"
PAGES = ["/", "/search?mark=AB1234", "/submissions/1", "/audit", "/photos/1", "/plates/1/crop"]
# Cheap to look at; hashes of `hkplates web-password` take 64 MiB and a tenth of a second.
_HASH = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
ADA, BOB = f"ada:reviewer:{_HASH}", f"bob:reader:{_HASH}"
READER_TOKEN, _READS = token_entry("lab", "reader")
REVIEWER_TOKEN, _REVIEWS = token_entry("robot", "reviewer")


def security_with_users(*, is_https: bool = False, limits: RateLimits | None = None) -> Security:
    """Returns a security with the reviewer Ada, the reader Bob, and a token of each role."""
    access = Access(
        users=read_users(f"{ADA},{BOB}"),
        tokens=read_tokens(f"{_READS},{_REVIEWS}"),
        secret=b"s" * 32,
        hosts=frozenset({HOST}),
        is_https=is_https,
    )
    return Security(access, Sessions(access.secret), limits or RateLimits())


@contextmanager
def app_over(engine: sa.Engine, folder: Path, security: Security | None) -> Iterator[FastAPI]:
    """Yields the application over a database, without a server; None: for this machine alone."""
    yield create_app(build_services(engine, Settings(data=folder), format_step), security)


def anonymous_client(app: FastAPI, base: str = f"http://{HOST}") -> TestClient:
    """Returns a client that is not logged in and follows no redirect."""
    return TestClient(app, base_url=base, follow_redirects=False)


def token_client(app: FastAPI, token: str) -> TestClient:
    """Returns the client of a program with a token."""
    client = anonymous_client(app)
    client.headers.update(bearer(token))
    return client


def form_token(answer: Response) -> str:
    """Returns the CSRF token of a page's forms."""
    found = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', answer.text)
    assert found, answer.text
    return found[1]


def log_in(
    client: TestClient, name: str = "ada", password: str = PASSWORD, wanted: str = "/"
) -> Response:
    """Sends the form of the login page."""
    token = form_token(client.get("/login"))
    fields = {"name": name, "password": password, "next": wanted, "csrf_token": token}
    return client.post("/login", data=fields)


def logged_in_client(app: FastAPI, name: str = "ada", base: str = f"http://{HOST}") -> TestClient:
    """Returns the client of a user who is logged in."""
    client = anonymous_client(app, base)
    assert log_in(client, name).status_code == 303
    return client


def bearer(token: str) -> dict[str, str]:
    """Returns the Authorization header of a token."""
    return {"Authorization": f"Bearer {token}"}


def audit_rows(engine: sa.Engine) -> list[dict[str, Any]]:
    """Returns the rows of the audit, the earliest first."""
    query = sa.text("SELECT actor, action, subject, purpose, address FROM audit ORDER BY id")
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def submission_state(engine: sa.Engine, number: int) -> str:
    """Returns the state of a submission."""
    query = sa.text("SELECT state FROM submissions WHERE id = :id")
    with engine.connect() as connection:
        return str(connection.execute(query, {"id": number}).scalar_one())


def press_pause(client: TestClient, number: int, **more: Any) -> int:
    """Presses the pause button of a submission; returns the response's status."""
    data = {"csrf_token": form_token(client.get(f"/submissions/{number}"))}
    return client.post(f"/submissions/{number}/pause", data=data, **more).status_code


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serves an application on a free port; yields its URL."""
    config = uvicorn.Config(
        app, port=0, log_config=None, access_log=False, proxy_headers=False, lifespan="off"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        eventually(lambda: server.started or not thread.is_alive(), "the server starts", 30)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(30)
