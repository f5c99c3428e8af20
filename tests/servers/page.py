"""Starts `hkplates web` and a real Chromium."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from servers.processes import PROGRAMS, STOP_SECONDS, eventually
from servers.reaper import stop_at_exit

# The last six: a test's browser asks nobody but the page.
ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-default-apps", "--disable-domain-reliability", "--no-pings"),
)


@contextmanager
def page(environment: Mapping[str, str], log: Path) -> Iterator[str]:
    """Runs `hkplates web` on a free port of this machine; yields its URL, without a last slash."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(PROGRAMS / "hkplates"), "web", "--port", "0"],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    stop_at_exit(pid=process.pid)
    try:
        eventually(
            lambda: _address(log) or process.poll() is not None, "the page says where it is", 60
        )
        address = _address(log)
        assert address, log.read_text()
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_SECONDS)


def _address(log: Path) -> str | None:
    found = re.search(r"http://[0-9.]+:[0-9]+", log.read_text(errors="replace"))
    return found and found[0]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Launches Debian's Chromium; skips the test if there is none."""
    program = os.environ.get("HKPLATES_TEST_CHROMIUM") or shutil.which("chromium")
    if program is None:
        pytest.skip("Chromium is not installed; install it or name it in HKPLATES_TEST_CHROMIUM")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()
