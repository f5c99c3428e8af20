"""Goes through the pages without JavaScript: reads, follows links, presses buttons."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa
from fastapi.testclient import TestClient
from lxml import html

from cli.submissions.next_steps import format_step
from hkplates.settings import Settings
from web.app import create_app
from web.services import build_services

BASE_URL = "http://127.0.0.1:8000"


@dataclass
class BrowserlessClient:
    """A browser without JavaScript, and the page it shows."""

    http: TestClient
    status: int = 0
    address: str = "/"
    page: Any = None

    def open(self, address: str) -> Self:
        return self._show(self.http.get(address))

    def follow(self, words: str) -> Self:
        """Follows the first link of these words."""
        links = [one for one in self.page.find(".//main").iter("a") if words in _words(one)]
        assert links, f"no link {words!r} in {self.text}"
        return self.open(links[0].get("href"))

    def press(self, words: str, **typed: str) -> Self:
        """Presses the first button of these words, with `typed` in its form's fields."""
        buttons = [one for one in self.page.iter("button") if words in _words(one)]
        assert buttons, f"no button {words!r} in {self.text}"
        button = buttons[0]
        form = next(one for one in button.iterancestors("form"))
        fields = dict(form.form_values()) | typed
        if button.get("name"):
            fields[button.get("name")] = button.get("value")
        address = form.get("action")
        if form.method == "GET":
            return self._show(self.http.get(address, params=fields))
        origin = {"Origin": BASE_URL}
        return self._show(self.http.post(address, data=fields, headers=origin))

    @property
    def text(self) -> str:
        """Returns the page's text, on one line."""
        return _words(self.page.find(".//main"))

    @property
    def heading(self) -> str:
        return _words(self.page.find(".//h1"))

    def buttons(self) -> list[str]:
        return [_words(one) for one in self.page.find(".//main").iter("button")]

    def _show(self, response: Any) -> Self:
        self.status, self.address = response.status_code, str(response.url).removeprefix(BASE_URL)
        self.page = html.fromstring(response.text.replace("<wbr>", ""))
        return self


@contextmanager
def browserless_client(
    engine: sa.Engine, data: Path, **settings: Any
) -> Iterator[BrowserlessClient]:
    """Yields a client on this machine, who may review, of the pages over a database."""
    services = build_services(engine, Settings(data=data, **settings), format_step)
    with TestClient(create_app(services), base_url=BASE_URL) as http:
        yield BrowserlessClient(http)
    # What the pages count beside themselves still uses connections of the test's engine.
    for thread in threading.enumerate():
        if thread.name == "background":
            thread.join(20)


def open_when_counted(browser: BrowserlessClient, address: str) -> BrowserlessClient:
    """Opens the page once its photographs are counted, as the browser's script waits for it."""
    deadline = time.monotonic() + 20
    while "Counting its photographs" in browser.open(address).text:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return browser


def _words(element: Any) -> str:
    return " ".join(" ".join(element.itertext()).split())
