"""The page in every state that it can be in: nothing that axe-core finds keeps anybody out."""

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect
from support.page import browsing, needs_chromium, shares_browser

from bench.desk import page as states
from bench.desk.calls import Desk
from bench.desk.page import be_live, opened

pytestmark = [needs_chromium, shares_browser]
CALLS = 3


async def at_the_door(page, desk):
    await page.evaluate("sessionStorage.clear()")
    await page.reload()
    await expect(page.locator("#sign-in")).to_be_visible()


async def without_calls(page, desk):
    await expect(page.locator("#no-calls")).not_to_be_empty()


async def live(page, desk):
    await desk.begin(CALLS, lasts=40)
    await be_live(page, desk)


async def with_a_gap(page, desk):
    states.lose_words(desk)
    await states.be_gapped(page, desk)


async def with_the_keys(page, desk):
    await page.get_by_role("button", name="Keys").click()
    await expect(page.get_by_role("dialog", name="Keys")).to_be_visible()


async def with_how_to_read(page, desk):
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Text size").click()
    await expect(page.get_by_role("dialog", name="Reading")).to_be_visible()


async def with_the_tools_of_a_call(page, desk):
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Tools").first.click()
    await expect(page.get_by_role("menu")).to_be_visible()


async def with_the_words_to_watch_for(page, desk):
    await page.keyboard.press("Escape")
    await page.locator("#watch-words").click()
    await expect(page.get_by_role("dialog")).to_be_visible()


async def offline(page, desk):
    await page.keyboard.press("Escape")
    await states.be_offline(page, desk)


async def asked_which_token(page, desk):
    await states.be_back(page, desk)
    await states.be_asked(page, desk)


async def expired(page, desk):
    await states.be_expired(page, desk)


async def ended(page, desk):
    await states.be_let_in(page, desk)
    await desk.end()
    await states.be_ended(page, desk)


# Each follows from the one before.
STATES = (
    without_calls,
    live,
    with_a_gap,
    with_the_keys,
    with_how_to_read,
    with_the_tools_of_a_call,
    with_the_words_to_watch_for,
    offline,
    asked_which_token,
    expired,
    ended,
    at_the_door,
)


@pytest.mark.proof
async def test_axe_finds_nothing_in_any_state(rounds):
    """In light and in dark."""
    reached = STATES[: len(rounds(sample=3, full=len(STATES)))]
    broken = []
    async with browsing() as browser, Desk() as desk, opened(browser, desk.link(), 1366) as page:
        for state in reached:
            await state(page, desk)
            for scheme in ("light", "dark"):
                await page.emulate_media(color_scheme=scheme)
                found = (await Axe().run(page)).response["violations"]
                broken += [
                    f"{state.__name__}, {scheme}: {one['id']}: {one['help']}" for one in found
                ]
    assert broken == []
