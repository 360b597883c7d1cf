"""The real app in a process of its own, and a real browser that looks at its page."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SECONDS = 60
EVIL = "<img src=x onerror=\"document.title='owned'\">"


class App:
    """`genrec app` over a store."""

    def __init__(self, store: Path, *arguments: object) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._command = [
            sys.executable, "-c", "from genrec.cli import main; main()", "app", *map(str, arguments),
            "--store", str(store), "--port", str(self.port),
        ]  # fmt: skip
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
        self.process = subprocess.Popen(self._command, env=environment, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline().startswith(self.url)

    def wait(self) -> None:
        """Until the check-ins are counted."""
        end = time.monotonic() + SECONDS
        while httpx.get(f"{self.url}/health/ready").status_code != 200:
            assert time.monotonic() < end, "never ready"
            time.sleep(0.05)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def app(store: Path, *arguments: object) -> Iterator[App]:
    started = App(store, *arguments)
    try:
        yield started
    finally:
        started.kill()


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser, started once."""
    if CHROMIUM is None:
        assert not os.environ.get("CI"), "chromium is missing"
        pytest.skip("chromium is missing (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright  # deferred: most tests need no browser

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def looking(browser: Any, width: int = 1280) -> Iterator[Any]:
    """A visitor with cookies of their own, who must see no error; their browser must ask nobody but this machine."""
    context = browser.new_context(viewport={"width": width, "height": 900}, accept_downloads=True)
    context.set_default_timeout(20_000)
    faults: list[str] = []
    context.on("request", lambda request: _check(request.url, faults))
    page = context.new_page()
    page.on("websocket", lambda opened: _check(opened.url, faults))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.faults = faults
    try:
        yield page
    finally:
        context.close()
    assert not faults


def _check(url: str, faults: list[str]) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"data", "blob"} and parts.hostname != "127.0.0.1":
        faults.append(f"asked of another machine: {url}")


def person(page, site, who="u0", tab="Next places"):
    page.goto(f"{site.url}/app/person?id={quote(who)}")
    page.get_by_text("Most probable next places").wait_for()
    page.get_by_role("tab", name=tab).click()


def write_by_templates(site, who):
    assert httpx.post(f"{site.url}/v1/people/{who}/profile/write", json={"by": "habits"}).status_code == 202
    while httpx.get(f"{site.url}/v1/people/{who}/profile").status_code != 200:
        time.sleep(0.02)


def edit(page, sentence, new):
    page.get_by_role("button", name=f"Edit: {sentence}", exact=True).click()
    page.get_by_label("Sentence", exact=True).locator("visible=true").fill(new)
    page.get_by_role("button", name="Save", exact=True).locator("visible=true").click()


def new_person(site, who, profile=True, place="p2"):
    """Somebody with a few visits of their own."""
    assert httpx.post(f"{site.url}/v1/people", json={"id": who, "settings": {"consent": True}}).status_code == 201
    visits = [{"id": str(day), "poi_id": place, "time": f"2024-01-0{day}T08:00:00"} for day in range(1, 8)]
    assert httpx.post(f"{site.url}/v1/people/{who}/checkins", json={"checkins": visits}).status_code == 200
    if profile:
        write_by_templates(site, who)
    return httpx.get(f"{site.url}/v1/people/{who}/profile").json()


def sentences(sheet):
    """All of a profile, section by section."""
    return [line for section in ("summary", "preferences", "routines") for line in sheet[section]]


def first_line(page):
    """The first sentence of the profile, as the page shows it: with the names of places."""
    button = page.get_by_role("button", name=re.compile("^Edit: ")).first
    return button.get_attribute("aria-label").removeprefix("Edit: ")
