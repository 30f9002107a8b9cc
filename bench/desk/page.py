"""The page in Chromium, with the desk's calls open: how each state of it is reached."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from playwright.async_api import Browser, Locator, Page, ViewportSize, expect

from bench.desk.calls import Desk, DeskCall

MOST_OPEN = 12
PHONE = 390
HEIGHTS = {PHONE: 844, 768: 1024, 1366: 768, 1920: 1080}
SHORT = 3  # seconds that a token lasts which is to expire
AWAY = 6  # of so many calls one is without a recogniser
LOOK = 0.3  # seconds between two looks
PATIENCE = 30_000  # ms


def be_patient() -> None:
    """Give all that this process expects more time; Playwright keeps that in one place."""
    expect.set_options(timeout=PATIENCE)


@asynccontextmanager
async def opened(
    browser: Browser, link: str, width: int, *, locale: str = "en-US"
) -> AsyncIterator[Page]:
    """Open the page in a window of its own; what breaks in it fails the run."""
    size = ViewportSize(width=width, height=HEIGHTS[width])
    async with await browser.new_context(viewport=size, locale=locale) as context:
        context.set_default_timeout(PATIENCE)
        page = await context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        await page.goto(link)
        yield page
        assert complaints == [], complaints


def panels(page: Page, which: str = "") -> Locator:
    """Return the calls that are open; those of a class or with an element, if told."""
    return page.locator(f".call-panel{which}")


async def go_to(page: Page, call: DeskCall) -> None:
    """Follow a link to a call, on a page that reads: before, it would take its token's place."""
    await expect(page.locator("body[data-connection=live]")).to_have_count(1)
    await page.evaluate("sid => { location.hash = `call=${sid}`; }", call.sid)


async def be_live(page: Page, desk: Desk) -> None:
    """Open the first calls of the desk, as links to them do; all of them are read, and talk."""
    calls = desk.calls[:MOST_OPEN]
    for number, call in enumerate(calls, 1):
        await go_to(page, call)
        await expect(panels(page)).to_have_count(number)
    await expect(panels(page, ".live:has(.turn)")).to_have_count(len(calls))
    # What was said before the page watched does not tell how far behind a call is.
    while not await panels(page, ".live:has(.interim) .delay:not(:empty)").count():
        desk.talk_on()
        await asyncio.sleep(LOOK)


def lose_words(desk: Desk) -> None:
    """Tell what some of the calls lost; the recogniser is away from a few."""
    for call in desk.calls:
        if call.hole:
            call.tell_gap()
    for call in desk.calls[::AWAY]:
        call.lose_recogniser()


def find_words(desk: Desk) -> None:
    """Let the recogniser come back."""
    for call in desk.calls[::AWAY]:
        call.find_recogniser()


async def be_gapped(page: Page, desk: Desk) -> None:
    """See what :func:`lose_words` did."""
    calls = desk.calls[:MOST_OPEN]
    lost = [call for call in calls if call.hole]
    assert lost, "no call lost anything"
    await expect(panels(page, ":has(.gap)")).to_have_count(len(lost))
    await expect(panels(page, ":has(.trouble:not(:empty))")).to_have_count(len(calls[::AWAY]))


async def be_talked_over(page: Page, desk: Desk) -> None:
    """See that in some calls both speak at once, and that others have been silent for long."""
    over = [call for call in desk.calls[:MOST_OPEN] if call.is_heard][::AWAY]
    assert over, "no call is heard"
    # It takes as long to be silent for long as both are seen to speak: that comes last.
    nobody = panels(page, " .signal[data-speaking=nobody]")
    await expect(nobody).not_to_have_count(0)
    for call in over:
        call.talk_over()
    await expect(panels(page, " .signal[data-speaking=both]")).to_have_count(len(over))
    await expect(nobody).not_to_have_count(0)


async def be_enlarged(page: Page, desk: Desk) -> None:
    """Enlarge a call that is written from right to left."""
    [call] = [call for call in desk.calls[:MOST_OPEN] if call.talk.topic.language == "ar"]
    await go_to(page, call)
    panel = panels(page, f":has-text('{call.last.text}')").first
    await panel.locator(".enlarge").click()
    await expect(panels(page, ".enlarged")).to_have_count(1)


async def be_set_back(page: Page) -> None:
    """Set it back among the others."""
    await panels(page, ".enlarged").locator(".enlarge").click()
    await expect(panels(page, ".enlarged")).to_have_count(0)


async def show(page: Page, button: str, shown: str) -> None:
    """Open what a button opens."""
    await page.locator(f"{button}:visible").first.click()
    await expect(page.locator(shown)).to_be_visible()


async def put_away(page: Page, shown: str) -> None:
    """Close it again."""
    await page.keyboard.press("Escape")
    await expect(page.locator(shown)).not_to_be_visible()


async def watch(page: Page, words: Sequence[str]) -> None:
    """Wait for words, in the dialog that is open."""
    for number, word in enumerate(words, 1):
        await page.locator("#watch-word").fill(word)
        await page.keyboard.press("Enter")
        await expect(page.locator("#watch-dialog li")).to_have_count(number)


async def be_sized(page: Page, size: str) -> None:
    """Read in letters of another size."""
    await show(page, "#reading", ".reading")
    await page.locator(".reading").get_by_label(size, exact=True).check()
    await put_away(page, ".reading")


async def be_offline(page: Page, desk: Desk) -> None:
    """Lose the network."""
    await page.context.set_offline(True)
    await expect(panels(page, ".lost")).to_have_count(len(desk.calls[:MOST_OPEN]))


async def be_back(page: Page, desk: Desk) -> None:
    """Find the network again."""
    await page.context.set_offline(False)
    await expect(panels(page, ".live")).to_have_count(len(desk.calls[:MOST_OPEN]))


async def be_asked(page: Page, desk: Desk) -> None:
    """Follow a link with another token, one that ends soon."""
    link = desk.link(seconds=SHORT)
    await page.evaluate("hash => { location.hash = hash; }", link.partition("#")[2])
    await expect(page.locator("#use-token")).to_be_visible()


async def be_expired(page: Page, desk: Desk) -> None:
    """Read on with a token that ends soon, and does."""
    await be_asked(page, desk)
    await page.locator("#use-token").click()
    await expect(page.locator("body[data-connection=expired] #problem")).not_to_be_empty()


async def be_let_in(page: Page, desk: Desk) -> None:
    """Paste a token that lasts."""
    await page.locator("#token").fill(desk.link().partition("token=")[2])
    await page.keyboard.press("Enter")
    await expect(panels(page, ".live")).to_have_count(len(desk.calls[:MOST_OPEN]))


async def be_ended(page: Page, desk: Desk) -> None:
    """See that all calls have ended."""
    await expect(panels(page, ".ended")).to_have_count(len(desk.calls[:MOST_OPEN]))
