"""The calls that are open, in a real browser: the address that names them, and what is pinned."""

import json

import pytest
from playwright.async_api import expect
from support.page import needs_chromium, opened, shares_browser

pytestmark = [needs_chromium, shares_browser]
NUMBER = "+15550001111"
MOST = 16  # may be open


@pytest.fixture(scope="module")
def service(serve_many):
    return serve_many()


async def begin(service, tell, count: int) -> list[str]:
    """Begin calls that say which they are; returns their callSids."""
    calls = [await tell(service, from_=f"+155500{number:05}") for number in range(count)]
    for number, call in enumerate(calls):
        call.say(f"I am number {number}.", 0.0)
        await call.stored()
    return [call.sid for call in calls]


def tiles(page):
    return page.locator(".call-panel")


async def shown(page) -> list[str]:
    """Return what the open calls say, in their order."""
    return [" ".join(said.split()) for said in await page.locator(".said").all_text_contents()]


async def test_the_address_names_what_is_open_and_restores_it(service, token, tell):
    """Twelve, in the order in which they were opened; what is pinned too; never the token."""
    sids = await begin(service, tell, 12)
    sids.reverse()
    said = [f"I am number {number}." for number in reversed(range(12))]
    link = f"{service.url}/#calls={','.join(sids)}"
    async with opened(f"{link}&token={token}") as page:
        await expect(page.locator(".said")).to_have_count(12)
        assert page.url == link
        await tiles(page).nth(1).locator(".pin").click()
        await tiles(page).nth(0).locator(".close").click()
        left = f"{service.url}/#calls={','.join(sids[1:])}&pin={sids[1]}"
        await page.wait_for_url(left)
        await page.reload()
        await expect(page.locator(".said")).to_have_count(11)
        assert await shown(page) == said[1:]
        await expect(tiles(page).first.locator(".pin")).to_have_attribute("aria-pressed", "true")
        assert page.url == left
        kept = await page.evaluate("JSON.stringify(Object.entries(localStorage))")
        assert token not in kept
        assert json.loads(kept) == [["partyline.pins /", json.dumps([sids[1]])]]
        await page.goto(f"{service.url}/#call={sids[1]}")  # a pin is the browser's, not the link's
        await expect(tiles(page).first.locator(".pin")).to_have_attribute("aria-pressed", "true")


async def test_a_shared_address_opens_the_same_for_who_brings_a_token(service, token, tell):
    sids = await begin(service, tell, 3)
    link = f"{service.url}/#calls={','.join(sids)}&pin={sids[2]}"
    async with opened(link) as page:
        await expect(page.locator("#token")).to_be_focused()
        assert page.url == link
        await page.reload()  # what it asks for is not lost meanwhile
        await page.fill("#token", token)
        await page.keyboard.press("Enter")
        await expect(page.locator(".said")).to_have_count(3)
        assert await shown(page) == [f"I am number {number}." for number in range(3)]
        await expect(tiles(page).nth(2).locator(".pin")).to_have_attribute("aria-pressed", "true")
        assert page.url == link
        await page.click("#sign-out")
        await expect(page.locator("#token")).to_be_focused()
        assert page.url == f"{service.url}/"


async def test_what_a_link_asks_for_and_does_not_get_is_told_in_words(service, token, tell):
    [sid] = await begin(service, tell, 1)
    unknown = f"CA{'0' * 32}"
    async with opened(f"{service.url}/#token={token}&calls={sid},CA12,{unknown}") as page:
        await expect(page.locator("#notices-text")).to_have_text(
            "The link names what is no call: CA12."
        )
        await expect(tiles(page)).to_have_count(2)
        await expect(page.locator(".said")).to_have_count(1)
        await expect(tiles(page).nth(1).locator(".state")).to_have_text("no such call")
        await page.click("#notices-away")
        await expect(page.locator("#notices-text")).to_be_empty()
        many = ",".join(f"CA{number:032}" for number in range(1, 20))
        await page.evaluate(f"location.hash = 'calls={many}'")
        await expect(page.locator("#notices-text")).to_have_text(
            "16 calls may be open at once: 4 of the link's are not."
        )
        await expect(tiles(page)).to_have_count(MOST)
        # What the service refuses makes room; what is read does not.
        await expect(tiles(page).first.locator(".said")).to_have_text("I am number 0. ")


async def test_a_seventeenth_call_is_told_what_to_close_for_it(serve, token, tell):
    service = serve()
    *sids, other = await begin(service, tell, MOST + 1)
    link = f"{service.url}/#token={token}&calls={','.join(sids)}&pin={sids[0]}"
    async with opened(link) as page:
        await expect(page.locator(".said")).to_have_count(MOST)
        await page.locator("#calls button", has_text=f"+155500{MOST:05}").click()
        await expect(page.locator("#notices-text")).to_contain_text("+15550000001 → unknown has")
        await page.click("#notices-remedy")  # the first is pinned
        await expect(page.locator(".said").last).to_have_text(f"I am number {MOST}. ")
        await page.wait_for_url(f"**/#calls={','.join([sids[0], *sids[2:], other])}&pin={sids[0]}")
