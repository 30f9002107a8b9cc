"""The calls that are open, in a real browser: the address that names them, and what is pinned."""

import itertools
import json
import re

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
        await tiles(page).nth(1).locator(".log").press("p")
        await tiles(page).nth(0).locator(".close").click()
        left = f"{service.url}/#calls={','.join(sids[1:])}&pin={sids[1]}"
        await page.wait_for_url(left)
        await page.reload()
        await expect(page.locator(".said")).to_have_count(11)
        assert await shown(page) == said[1:]
        await expect(tiles(page).first.get_by_label("Pinned")).to_be_visible()
        assert page.url == left
        kept = await page.evaluate("JSON.stringify(Object.entries(localStorage))")
        assert token not in kept
        assert json.loads(kept) == [["partyline.pins /", json.dumps([sids[1]])]]
        await page.goto(f"{service.url}/#call={sids[1]}")  # a pin is the browser's, not the link's
        await expect(tiles(page).first.get_by_label("Pinned")).to_be_visible()


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
        await expect(tiles(page).nth(2).get_by_label("Pinned")).to_be_visible()
        assert page.url == link
        # Whoever wrote the link has not pinned it for good.
        assert await page.evaluate("JSON.stringify(Object.keys(localStorage))") == "[]"
        await page.click("#sign-out")
        await expect(page.locator("#token")).to_be_focused()
        assert page.url == f"{service.url}/"


async def test_links_that_come_one_after_the_other_before_a_token_are_all_followed(
    service, token, tell
):
    first, second = await begin(service, tell, 2)
    async with opened(f"{service.url}/#calls={first}&pin={first}") as page:
        await expect(page.locator("#token")).to_be_focused()
        await page.evaluate(f"location.hash = 'call={second}'")
        await page.wait_for_url(f"**/#calls={first},{second}&pin={first}&call={second}")
        await page.fill("#token", token)
        await page.keyboard.press("Enter")
        await expect(page.locator(".said")).to_have_count(2)
        await page.wait_for_url(f"**/#calls={first},{second}&pin={first}")


async def test_no_link_is_lost_that_is_followed_as_the_address_changes(service, token, tell):
    first, second, third = await begin(service, tell, 3)
    async with opened(f"{service.url}/#token={token}&calls={first}") as page:
        await expect(page.locator(".said")).to_have_count(1)
        await expect(page.locator(f"[data-call-sid={first}] .pin")).to_be_visible()
        for link, calls, change in (
            (second, 2, f"document.querySelector('[data-call-sid={first}] .pin').click()"),
            (third, 3, f"location.hash = 'calls={first}'"),
        ):
            await page.evaluate(f"async () => {{ location.hash = 'call={link}'; {change}; }}")
            await expect(page.locator(".said")).to_have_count(calls)
        await page.wait_for_url(f"**/#calls={first},{second},{third}&pin={first}")


async def test_what_a_link_asks_for_and_does_not_get_is_told_in_words(serve, token, tell):
    service = serve(AWAIT_CALL_SECONDS="1")
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
            "16 calls may be open at once: 4 are missing of those that the link names."
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
        await page.locator("#calls .open", has_text=f"+155500{MOST:05}").click()
        await expect(page.locator("#notices-text")).to_contain_text("+15550000001 has")
        await page.click("#notices-remedy")  # the first is pinned
        await expect(page.locator(".said").last).to_have_text(f"I am number {MOST}. ")
        await page.wait_for_url(f"**/#calls={','.join([sids[0], *sids[2:], other])}&pin={sids[0]}")
        # It may be closed by hand meanwhile: then nothing else is closed for it.
        await page.fill("#search", "+15550000001")
        await page.press("#search", "Enter")
        await expect(page.locator("#notices-text")).to_contain_text("+15550000002 has")
        await tiles(page).nth(1).locator(".close").click()
        await expect(tiles(page)).to_have_count(MOST - 1)
        await page.click("#notices-remedy")
        await expect(page.locator(".said").last).to_have_text("I am number 1. ")
        await expect(tiles(page)).to_have_count(MOST)
        now = [sids[0], *sids[3:], other, sids[1]]
        await page.wait_for_url(f"**/#calls={','.join(now)}&pin={sids[0]}")


async def boxes(page) -> list[dict[str, float]]:
    """Return where the tiles are."""
    return await page.evaluate(
        "Array.from(document.querySelectorAll('.call-panel'), (one) => one.getBoundingClientRect())"
        ".map(({x, y, width, height}) => ({x, y, width, height}))"
    )


@pytest.mark.parametrize(
    ("width", "height", "count", "per_row"),
    [(1920, 1080, 12, 4), (1366, 768, 3, 3), (1366, 768, MOST, 4), (768, 1024, 12, 3)],
)
async def test_what_is_open_shares_the_screen(service, token, tell, width, height, count, per_row):
    """All of it is seen, words as well, and nothing is cut or lies over another."""
    sids = await begin(service, tell, count)
    link = f"{service.url}/#token={token}&calls={','.join(sids)}"
    async with opened(link, viewport={"width": width, "height": height}) as page:
        await expect(page.locator(".said")).to_have_count(count)
        for number in range(count):
            await expect(page.locator(".said").nth(number)).to_be_in_viewport(ratio=1)
        found = await boxes(page)
        assert len({box["y"] for box in found}) == count // per_row
        for box in found:
            assert box["x"] + box["width"] <= width
            assert box["y"] + box["height"] <= height
            assert box["width"] >= 230
            assert box["height"] >= 150
        for one, other in itertools.pairwise(found):
            aside = other["x"] - one["x"] - one["width"]
            below = other["y"] - one["y"] - one["height"]
            assert max(aside, below) >= 0
        header = await page.locator("header.bar").bounding_box()
        assert header["height"] <= 48


async def test_a_tile_is_enlarged_and_set_back(service, token, tell):
    sids = await begin(service, tell, 3)
    link = f"{service.url}/#calls={','.join(sids)}"
    async with opened(f"{link}&token={token}", viewport={"width": 1366, "height": 768}) as page:
        await expect(page.locator(".said")).to_have_count(3)
        before = await boxes(page)
        await tiles(page).nth(1).get_by_label("Enlarge").click()
        await page.wait_for_url(f"{link}&focus={sids[1]}")
        first, large, last = await boxes(page)
        assert large["width"] > 2 * first["width"]
        assert large["height"] > 2 * first["height"]
        assert first["x"] == last["x"] > large["x"]
        await page.reload()
        await expect(page.locator(".said")).to_have_count(3)
        assert await boxes(page) == [first, large, last]
        await page.locator("#calls .open", has_text="+15550000002").click()  # another before us
        await page.wait_for_url(f"{link}&focus={sids[2]}")
        await page.keyboard.press("Escape")
        await page.wait_for_url(link)
        assert await boxes(page) == before


async def test_the_keyboard_goes_from_tile_to_tile(service, token, tell):
    sids = await begin(service, tell, 4)
    link = f"{service.url}/#calls={','.join(sids)}"
    async with opened(f"{link}&token={token}", viewport={"width": 1000, "height": 700}) as page:
        await expect(page.locator(".said")).to_have_count(4)
        logs = page.locator(".log")
        await expect(logs.first).to_be_focused()
        for key, number in [
            ("ArrowRight", 1),
            ("Alt+ArrowDown", 3),
            ("ArrowLeft", 2),
            ("Alt+ArrowUp", 0),
        ]:
            await page.keyboard.press(key)
            await expect(logs.nth(number)).to_be_focused()
        await page.evaluate("document.documentElement.dir = 'rtl'")
        await page.keyboard.press("ArrowLeft")
        await expect(logs.nth(1)).to_be_focused()
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"{link}&focus={sids[1]}")
        await page.keyboard.press("Escape")
        await page.keyboard.press("m")
        await expect(page.get_by_role("menuitem", name="Find words")).to_be_focused()
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        await expect(tiles(page).nth(1).get_by_label("Pinned")).to_be_visible()
        await expect(tiles(page).nth(1).get_by_label("Tools")).to_be_focused()
        await page.keyboard.press("m")
        await expect(page.get_by_role("menuitem", name="Find words")).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(tiles(page).nth(1).get_by_label("Tools")).to_be_focused()
        await page.keyboard.press("Delete")
        await expect(logs.nth(1)).to_be_focused()  # the one that follows
        assert await shown(page) == ["I am number 0.", "I am number 2.", "I am number 3."]


async def test_of_several_calls_who_listens_hears_the_one_that_they_are_in(service, token, tell):
    """Or were in last: twelve that talk at once are understood by nobody."""
    sids = await begin(service, tell, 3)
    link = f"{service.url}/#calls={','.join(sids)}"
    async with opened(f"{link}&token={token}", viewport={"width": 1366, "height": 768}) as page:

        async def is_told(number: int):
            logs = page.locator("#call-panels .log")
            said = ["polite" if at == number else "off" for at in range(await logs.count())]
            for log, live in zip(await logs.all(), said, strict=True):
                await expect(log).to_have_attribute("aria-live", live)

        await expect(page.locator(".said")).to_have_count(3)
        await is_told(0)
        await page.keyboard.press("ArrowRight")
        await is_told(1)
        await page.keyboard.press("/")
        await is_told(1)
        await tiles(page).nth(2).get_by_label("Enlarge").click()
        await is_told(2)
        await page.locator("#calls .open", has_text="+15550000000").click()
        await is_told(0)
        await page.keyboard.press("Delete")
        await expect(tiles(page)).to_have_count(2)
        await is_told(0)


async def test_on_a_phone_one_call_is_seen_and_the_others_are_a_touch_away(service, token, tell):
    sids = await begin(service, tell, 3)
    link = f"{service.url}/#token={token}&calls={','.join(sids)}"
    async with opened(link, viewport={"width": 390, "height": 844}) as page:
        await expect(page.locator(".said")).to_have_count(3)
        seen = page.locator(".said:visible")
        await expect(seen).to_have_text(["I am number 0. "])
        await page.get_by_label("Open calls").get_by_text("+15550000002").click()
        await expect(seen).to_have_text(["I am number 2. "])
        await tiles(page).nth(2).get_by_label("Close").click()
        await expect(seen).to_have_text(["I am number 1. "])
        await page.get_by_text("All calls").click()
        await expect(seen).to_have_count(0)
        await page.locator("#calls .open", has_text="+15550000000").click()
        await expect(seen).to_have_text(["I am number 0. "])
        # With the last one the lists are there again.
        for text in ("I am number 1. ", None):
            await page.locator(".call-panel:visible").get_by_label("Close").click()
            if text:
                await expect(seen).to_have_text([text])
        await expect(page.locator("#calls .open").first).to_be_visible()


async def test_on_a_phone_the_calls_that_are_not_seen_say_how_they_stand(service, token, tell):
    """In a word, which their button's name has too: no colour alone says it."""
    calls = [await tell(service, from_=f"+155500{number:05}") for number in range(3)]
    for call in calls:
        call.say("I want to cancel it." if call is calls[0] else "Hello.", 0.0)
        await call.stored()
    link = f"{service.url}/#token={token}&calls={','.join(call.sid for call in calls)}"
    async with opened(link, viewport={"width": 390, "height": 844}) as page:
        buttons = page.get_by_role("group", name="Open calls").get_by_role("button")

        async def stand(*words: str):
            await expect(buttons).to_have_text(
                [f"+155500{number:05} {word}" for number, word in enumerate(words)]
            )
            for button, word in zip(await buttons.all(), words, strict=True):
                await expect(button).to_have_accessible_name(
                    re.compile(f"^[+]\\d+ {word.strip()}$")
                )

        await stand("live ", "live ", "live ")
        await page.click("#watch-words")
        await page.fill("#watch-word", "cancel")
        await page.keyboard.press("Enter")
        await page.keyboard.press("Escape")
        await stand("live cancel", "live ", "live ")
        calls[1].put(type="Recogniser", state="down", reason="HTTP 503")
        await calls[2].end()
        await stand("live cancel", "unheard ", "ended ")
        await page.context.set_offline(True)
        await stand("not live cancel", "not live ", "ended ")
