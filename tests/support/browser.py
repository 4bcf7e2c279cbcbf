"""Chromium, for tests that look at the workbench as a person does."""

import shutil
from contextlib import contextmanager

import pytest
from playwright.sync_api import sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="needs chromium: apt-get install chromium"
)


@contextmanager
def launched():
    """A chromium of its own."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield chromium
        finally:
            chromium.close()


@contextmanager
def page_in(chromium, *, console=True, **how):
    """An empty page; at its end no script may have failed, nor printed an error to the console."""
    context = chromium.new_context(**{"viewport": {"width": 1280, "height": 720}, **how})
    page = context.new_page()
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    if console:
        page.on("console", lambda said: said.type == "error" and problems.append(said.text))
    try:
        yield page
    finally:
        context.close()
    assert problems == []


@contextmanager
def page_of(client, view="", **how):
    """The page of a workbench, let in by the address that is printed; it opens at a view."""
    with launched() as chromium, page_in(chromium, **how) as page:
        page.goto(f"http://{client.host}/?token={client.app.door.token}#{view}")
        yield page
