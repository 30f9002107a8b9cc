"""The page in a real browser."""

import os
import shutil
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import async_playwright, expect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"),
    reason="needs Chromium; on Debian and Ubuntu: apt install chromium",
)
expect.set_options(timeout=20_000)  # ms; a busy machine takes its time


@asynccontextmanager
async def opened(url: str, **options):
    """Open the page; whatever the browser complains of fails the test."""
    assert CHROMIUM is not None, "the continuous integration installs it"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM)
        context = await browser.new_context(**options)
        page = await context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda m: complaints.append(m.text) if "Policy" in m.text else None)
        await page.goto(url)
        try:
            yield page
        except BaseException as exc:
            exc.add_note(f"the browser complained of: {complaints}")
            raise
        assert complaints == []
        await browser.close()


def turns(page):
    return page.locator(".turn:not([aria-hidden])")


async def said(page) -> list[str]:
    return [
        " ".join(text.split()) for text in await turns(page).locator(".said").all_text_contents()
    ]
