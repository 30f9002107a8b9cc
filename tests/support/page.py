"""The page in a real browser."""

import os
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, async_playwright, expect
from support.timing import PATIENCE

from bench.processes import CHROMIUM

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"),
    reason="needs Chromium; on Debian and Ubuntu: apt install chromium",
)
expect.set_options(timeout=PATIENCE * 1000)
# With each window Chromium makes two pages that propose addresses, which nobody sees here and which
# cost as much as ours. Of several such lists it takes the last alone: Playwright's is repeated.
WITHOUT = (
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable",
    "LensOverlay",
    "MediaRouter",
    "PaintHolding",
    "ThirdPartyStoragePartitioning",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "OptimizationHints",
    "NetworkTimeServiceQuerying",
    "AimEnabled",
    "PreconnectToSearch",
)


# A module's tests share a browser, each with a window and a storage of its own: to start one costs
# more than most of the tests.
shares_browser = pytest.mark.usefixtures("browser")
_shared: list[Browser] = []


@asynccontextmanager
async def browsing():
    """Start a browser, or give the one that is shared."""
    if _shared:
        yield _shared[-1]
        return
    assert CHROMIUM is not None, "the continuous integration installs it"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[f"--disable-features={','.join(WITHOUT)}"],
            timeout=PATIENCE * 1000,
        )
        yield browser
        await browser.close()


@asynccontextmanager
async def shared_browser():
    async with browsing() as browser:
        _shared.append(browser)
        yield
        _shared.remove(browser)


@asynccontextmanager
async def opened(url: str, **options):
    """Open the page; whatever the browser complains of fails the test."""
    async with browsing() as browser, await browser.new_context(**options) as context:
        context.set_default_timeout(PATIENCE * 1000)
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


async def use_tool(page, name: str) -> None:
    """Choose from the menu of the first open call."""
    await page.locator(".open-menu").first.click()
    await (
        page.locator(".menu")
        .get_by_role("menuitem", name=name)
        .or_(page.locator(".menu").get_by_role("menuitemcheckbox", name=name))
        .click()
    )


async def read_with(page, token: str) -> None:
    """
    Have a page that reads connect anew with another token.

    One that ends soon is made for this, and not for a page that is to be loaded yet.
    """
    await page.evaluate("token => { location.hash = `token=${token}`; }", token)
    async with page.expect_event("websocket"):
        await page.locator("#use-token").click()


# Whatever an element says from now on: some of it is not said for long.
NOTE = """one => {
  one.noted = [];
  new MutationObserver(() => one.noted.push(one.textContent))
    .observe(one, { childList: true, characterData: true, subtree: true });
}"""
NOTED = """([selector, text]) => {
  const { noted } = document.querySelector(selector);
  return noted.some((said) => said && (text === null || said === text)) && noted.splice(0);
}"""


async def note(page, selector: str) -> None:
    await page.locator(selector).evaluate(NOTE)


async def noted(page, selector: str, text: str | None = None) -> None:
    """Wait until an element that is noted has said this, or anything, since it was asked last."""
    await page.wait_for_function(NOTED, arg=[selector, text])


def turns(page):
    return page.locator(".turn:not([aria-hidden])")


async def said(page) -> list[str]:
    return [
        " ".join(text.split()) for text in await turns(page).locator(".said").all_text_contents()
    ]


async def mark_uncertain_words(page) -> None:
    await page.locator("#reading").click()
    await page.get_by_label("Mark uncertain words").check()
    await page.keyboard.press("Escape")


async def letters(page, selector: str, text: str) -> list[float]:
    """Return from where to where the letters of a text stand, from left to right."""
    return await page.evaluate(
        """([selector, text]) => {
          for (const root of document.querySelectorAll(selector)) {
            const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
            while (walker.nextNode()) {
              const node = walker.currentNode, at = node.data.indexOf(text);
              if (at < 0) continue;
              return [...text].map((_, n) => {
                const range = new Range();
                range.setStart(node, at + n); range.setEnd(node, at + n + 1);
                return range.getBoundingClientRect().left;
              });
            }
          }
        }""",
        [selector, text],
    )
