"""The page's list of calls, in a real browser: hundreds, found, ordered, walked by the keyboard."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import nats
import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect
from support.page import needs_chromium, opened, said, shares_browser, turns

from bench.calls_list import OWNER, SUBJECTS, entry, put

pytestmark = [needs_chromium, shares_browser]
NUMBER, OTHER = "+15550003333", "+15550002222"
MANY = 500


class Registry:
    """Calls that are listed, and have no records: hundreds cost little."""

    def __init__(self, js) -> None:
        self._js = js

    async def list(self, number: int, **facts) -> str:
        call = msgspec.structs.replace(entry(number), **facts)
        await put(self._js, call)
        return call.call_sid

    async def list_many(self, count: int) -> None:
        await asyncio.gather(*(self.list(number) for number in range(count)))

    async def forget(self, number: int) -> None:
        await self._js.publish(
            SUBJECTS.call_key(entry(number).call_sid), b"", headers={"KV-Operation": "DEL"}
        )


@asynccontextmanager
async def registry(service) -> AsyncIterator[Registry]:
    client = await nats.connect(service.nats_url)
    js = client.jetstream()
    await js.publish(SUBJECTS.lease_key(OWNER), b'{"instance":"bench"}')
    yield Registry(js)
    await client.close()


def row(page, place: int, part: str = "calls"):
    """Find the row in a place, from 1: those that are far from the view do not exist."""
    return page.locator(f'#{part} li[aria-posinset="{place}"]')


def button(page, place: int):
    return row(page, place).locator(".open")


async def is_sound(page) -> None:
    results = await Axe().run(page)
    assert [(one["id"], one["help"]) for one in results.response["violations"]] == []


async def test_of_500_calls_those_near_the_view_exist_and_the_keyboard_walks_all(serve, token):
    """Whose row has the focus keeps it, in its place on the screen, while others come and go."""
    service = serve()
    async with registry(service) as calls, opened(f"{service.url}/#token={token}") as page:
        await calls.list_many(MANY)
        await expect(row(page, 1)).to_have_attribute("aria-setsize", str(MANY))
        assert await page.locator("#calls li").count() < 40
        await expect(button(page, 1)).to_contain_text(entry(MANY - 1).from_)  # the newest first
        await page.keyboard.press("/")
        await expect(page.locator("#search")).to_be_focused()
        await page.keyboard.press("ArrowDown")
        await expect(button(page, 1)).to_be_focused()
        await page.keyboard.press("End")
        await expect(button(page, MANY)).to_be_focused()
        await expect(button(page, MANY)).to_be_in_viewport(ratio=1)
        await page.keyboard.press("PageUp")  # a page is many: they are compact
        await page.keyboard.press("ArrowUp")
        focused = page.locator("#calls .open:focus")
        name = await focused.locator(".from").text_content()
        place = await focused.bounding_box()
        await calls.forget(0)  # below
        for number in range(MANY, MANY + 3):  # above
            await calls.list(number)
        await expect(row(page, MANY + 2)).to_be_attached()
        await expect(page.locator("#calls li").last).to_have_attribute(
            "aria-setsize", str(MANY + 2)
        )
        await expect(focused.locator(".from")).to_have_text(name)
        assert await focused.bounding_box() == place
        assert await page.locator('#calls .open[tabindex="0"]').count() == 1
        await calls.forget(int(name[-7:]))
        await expect(focused.locator(".from")).to_have_text(f"+1777{int(name[-7:]) - 1:07}")
        await is_sound(page)
        order = "rows => rows.map(row => Number(row.getAttribute('aria-posinset')))"
        places = await page.locator("#calls li").evaluate_all(order)
        assert places == sorted(places)
        await page.keyboard.press("Home")
        await expect(button(page, 1)).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(page.locator("#search")).to_be_focused()


async def test_digits_and_enter_open_the_call_and_escape_leads_back(serve, token, tell):
    service = serve()
    call = await tell(service, from_=NUMBER, to=OTHER)
    call.say("It is me.", 0.0)
    async with registry(service) as calls, opened(f"{service.url}/#token={token}") as page:
        await calls.list_many(30)
        await expect(row(page, 1)).to_have_attribute("aria-setsize", "31")
        await page.keyboard.press("Control+k")
        await page.keyboard.type("555 000-3333")
        await expect(page.locator("#no-calls")).to_have_text("1 of 31 calls")
        await page.keyboard.press("Enter")
        await expect(turns(page)).to_have_count(1)
        assert await said(page) == ["It is me."]
        await expect(page.locator(".log")).to_be_focused()
        await page.keyboard.press("/")
        await expect(page.locator("#search")).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(page.locator("#search")).to_have_value("")
        await expect(row(page, 1)).to_have_attribute("aria-setsize", "31")
        await page.keyboard.press("Escape")
        await expect(page.locator(".log")).to_be_focused()
        await page.keyboard.press("/")  # it looks for it there
        await page.keyboard.type("1 (999) 000-1111")
        await expect(page.locator("#no-calls")).to_have_text("None of the live calls fits.")
        await page.keyboard.press("Enter")
        await expect(page.locator("#follow-number")).to_be_focused()
        await is_sound(page)
        await page.keyboard.press("Enter")
        await expect(page.locator("#followed")).to_contain_text("Following +19990001111")


async def test_a_call_is_pinned_in_the_list_by_its_button_and_by_a_key(serve, token):
    """It comes up, also after a reload, and the keyboard stays with it."""
    service = serve()
    async with registry(service) as calls, opened(f"{service.url}/#token={token}") as page:
        await calls.list_many(3)
        rows = page.locator("#calls .from")
        newest = [f"+177700000{number:02}" for number in (2, 1, 0)]
        await expect(rows).to_have_text(newest)
        await page.keyboard.press("/")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("End")
        await expect(button(page, 3)).to_be_focused()
        await page.keyboard.press("p")
        await expect(rows).to_have_text([newest[2], newest[0], newest[1]])
        await expect(button(page, 1)).to_be_focused()
        await expect(row(page, 1).locator(".pin")).to_have_attribute("aria-pressed", "true")
        await is_sound(page)
        await row(page, 3).hover()
        await row(page, 3).get_by_role("button", name="Pin").click()
        await expect(rows).to_have_text([newest[1], newest[2], newest[0]])
        assert await page.locator(".call-panel").count() == 0  # it is not opened by that
        await page.reload()
        await expect(rows).to_have_text([newest[1], newest[2], newest[0]])
        await page.keyboard.press("/")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("p")
        await expect(rows).to_have_text([newest[2], newest[0], newest[1]])
        await expect(page.locator('#calls .pin[aria-pressed="true"]')).to_have_count(1)


async def test_the_sign_to_pin_is_seen_where_it_can_be_used(serve, token):
    """In the row that is pointed at or has the keyboard; once pinned; where nothing points."""
    service = serve()
    async with registry(service) as calls, opened(f"{service.url}/#token={token}") as page:
        await calls.list_many(2)
        first, second = (row(page, place).locator(".pin svg") for place in (1, 2))
        await expect(button(page, 2)).to_be_visible()
        await page.mouse.move(0, 0)
        for sign in (first, second):
            await expect(sign).to_be_hidden()
        await row(page, 1).hover()
        await expect(first).to_be_visible()
        await expect(second).to_be_hidden()
        await page.mouse.move(0, 0)
        await expect(first).to_be_hidden()
        await button(page, 2).focus()
        await expect(second).to_be_visible()
        await page.keyboard.press("p")  # it comes up
        await page.locator("#search").focus()
        await expect(first).to_be_visible()
        await expect(second).to_be_hidden()
    link = f"{service.url}/#token={token}"
    async with registry(service) as calls, opened(link, has_touch=True, is_mobile=True) as page:
        await calls.list_many(2)
        for place in (1, 2):
            await expect(row(page, place).locator(".pin svg")).to_be_visible()


async def test_what_is_wanted_is_shown_and_is_there_again_after_a_reload(serve, token, tell):
    """State, direction, metadata and the order, and how high the rows are."""
    service = serve()
    away = await tell(service, from_=OTHER, metadata={"order": "7"})
    away.put(type="Recogniser", state="down", reason="HTTP 503")
    async with registry(service) as calls, opened(f"{service.url}/#token={token}") as page:
        await calls.list(1)
        await calls.list(2, state="waiting")
        await calls.list(3, direction="outbound-api", metadata={"order": "77"})
        rows = page.locator("#calls .from")
        numbers = [f"+177700000{number:02}" for number in range(4)]
        await expect(rows).to_have_text([OTHER, "+17770000003", "+17770000002", "+17770000001"])
        await page.get_by_label("Unheard").check()
        await expect(rows).to_have_text([OTHER])
        await page.get_by_label("Waiting").check()
        await expect(rows).to_have_text([numbers[2]])
        await page.locator("[value=live]").check()
        await page.get_by_label("Order").select_option("number")
        await expect(rows).to_have_text([numbers[3], OTHER, numbers[1], numbers[2]])
        await page.get_by_label("Compact").check()
        high = (await row(page, 1).bounding_box())["height"]
        await page.fill("#search", "order:7")
        await expect(rows).to_have_text([numbers[3], OTHER])
        await page.get_by_label("Direction").select_option("outgoing")
        await expect(rows).to_have_text([numbers[3]])
        await page.reload()
        await expect(rows).to_have_text([numbers[3]])
        await expect(page.locator("#search")).to_have_value("order:7")
        await expect(page.get_by_label("Order")).to_have_value("number")
        assert (await row(page, 1).bounding_box())["height"] == high
        await page.get_by_label("Compact").uncheck()
        await expect(page.locator("#calls-part.compact")).to_have_count(0)
        assert (await row(page, 1).bounding_box())["height"] > high


async def test_calls_that_ended_are_one_list_and_are_there_after_a_reload(serve, token, tell):
    """Those that ended while one read, and those before: when, how, how long, how many words."""
    service = serve()
    before = await tell(service, from_=OTHER)
    await before.end()
    call = await tell(service, from_=NUMBER, to=OTHER)
    call.say("It was nice.", 0.0)
    async with opened(f"{service.url}/#token={token}") as page:
        await expect(row(page, 1)).to_contain_text(NUMBER)
        await page.get_by_label("Ended").check()
        await expect(page.locator("#ended .from")).to_have_text([OTHER])
        await call.end()
        await expect(page.locator("#ended .from")).to_have_text([NUMBER, OTHER])
        for _ in ("as it ended", "as it is told after a reload"):
            await expect(row(page, 1, "ended").locator(".last")).to_have_text(
                re.compile(r"\d:\d\d.* · ended · 3 words$")
            )
            await expect(row(page, 1, "ended").locator(".clock")).to_have_text("00:01")
            await page.reload()
        await expect(page.locator("#ended .from")).to_have_text([NUMBER, OTHER])
        async with page.expect_request(re.compile(f"number=%2B{NUMBER[1:]}")):
            await page.fill("#search", "+1 555 000 3333")  # the service is asked for all of them
        await expect(page.locator("#ended .from")).to_have_text([NUMBER])
        await page.fill("#search", "nobody")
        await expect(page.locator("#past-notice")).to_have_text(
            "None of those that are kept fits by number, name or metadata."
        )
        await is_sound(page)


# A computer whose clock is another than the service's.
OTHER_CLOCK = """window.ahead = %d;
const now = Date.now;
Date.now = () => now() + window.ahead;"""
BEEN_DRAWN = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


@pytest.mark.parametrize("ahead", [180_000, -180_000])
async def test_how_long_calls_are_is_told_by_the_clock_of_the_service(serve, token, tell, ahead):
    """Whatever the computer's says, and no longer once nothing comes."""
    service = serve()
    call = await tell(service, from_=NUMBER)
    call.say("It began a moment ago.", 0.0)
    async with registry(service) as calls, opened("about:blank") as page:
        begun = round((time.time() - 300) * 1000)
        for number in (1, 2):
            await calls.list(number, started_at=begun)
        await page.add_init_script(OTHER_CLOCK % ahead)
        await page.goto(f"{service.url}/#token={token}&call={call.sid}")
        await expect(page.locator(".call-panel .state")).to_have_text("live")
        call.say("Now it is.", 2.0)
        # They go on by themselves; by the computer's clock it would be three minutes more, or less.
        five, one = re.compile(r"^0[567]:[0-5]\d$"), re.compile(r"^0[012]:[0-5]\d$")
        clocks = page.locator("#calls .clock")
        await expect(clocks).to_have_text([one, five, five])
        await expect(page.locator(".call-panel .clock")).to_have_text(one)
        await calls.forget(1)
        await expect(clocks).to_have_text([one, five])
        await page.get_by_label("Ended").check()
        await expect(page.locator("#ended .clock")).to_have_text([five])
        await page.locator("[value=live]").check()
        await expect(clocks).to_have_text([one, five])
        await page.context.set_offline(True)
        await expect(page.locator("body")).to_have_attribute("data-connection", "offline")
        await page.evaluate(BEEN_DRAWN)
        shown = sorted(await clocks.all_text_contents())
        await page.evaluate("() => { window.ahead += 60_000; }")
        await page.get_by_label("Order").select_option("number")  # it is drawn anew
        await page.get_by_label("Compact").check()
        await expect(page.locator("#calls-part.compact")).to_be_visible()
        await page.evaluate(BEEN_DRAWN)
        assert sorted(await clocks.all_text_contents()) == shown
        await page.context.set_offline(False)


# Whether what tells nothing has its place, and how high that is.
EMPTY = """selector => {
  const one = document.querySelector(selector);
  return one.textContent ? null : [one.checkVisibility(), one.getBoundingClientRect().height];
}"""


async def test_what_is_told_of_a_list_has_its_place_before_it_is_told(serve, token, tell):
    """Or it would not be read out; where nothing is told it takes no room."""
    service = serve()
    call = await tell(service, from_=NUMBER)
    async with opened(f"{service.url}/#token={token}") as page:
        await expect(row(page, 1)).to_contain_text(NUMBER)
        for notice in ("#no-calls", "#past-notice"):
            place = page.locator(notice)
            await expect(place).to_be_empty()
            found = await page.wait_for_function(EMPTY, arg=notice)
            assert await found.json_value() == [True, 0], notice
            await call.end()
            await page.get_by_label("Ended").check()
            await expect(page.locator("#ended .from")).to_have_text([NUMBER])


LONG = "The router has been blinking since yesterday and incomprehensibilities remain whatever"


async def test_no_word_of_the_last_words_is_cut(serve, token, tell):
    service = serve()
    call = await tell(service, from_=NUMBER)
    words = f"{LONG} I have tried to do about it all day long".split()
    async with opened(f"{service.url}/#token={token}") as page:
        for count in range(10, len(words)):
            call.say(" ".join(words[:count]), 10.0 * count)
            last = page.locator("#calls .last")
            await expect(last).to_have_text(re.compile(rf"\b{words[count - 1]}$"))
            shown = (await last.text_content()).removeprefix("Caller: ").removeprefix("… ").split()
            assert words[count - len(shown) : count] == shown
            assert await last.evaluate("one => one.scrollHeight - one.clientHeight") <= 0


SCROLL = """async steps => {
    const list = document.getElementById('calls-part');
    // What is seen is what is there once all have drawn.
    const frame = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));
    let empty = 0, most = 0;
    for (let at = 0; at < steps; at += 1) {
        list.scrollTop = list.scrollHeight * (at % 100) / 100 + at;
        await frame();
        const { top, bottom } = list.getBoundingClientRect();
        for (const y of [top + 5, bottom - 5]) {
            if (!document.elementFromPoint(100, y)?.closest('#calls li')) empty += 1;
        }
        most = Math.max(most, document.querySelectorAll('#calls li').length);
    }
    return [empty, most];
}"""
DRAWN = 40  # rows: what is seen, and some before and after


@pytest.mark.proof
async def test_500_calls_scroll_without_a_blank_and_with_few_rows(rounds, serve, token):
    """By leaps, each of which shows other rows alone; bench.desk says how fast that is."""
    frames = len(rounds(sample=60, full=1000))
    service = serve()
    async with registry(service) as calls, opened(f"{service.url}/#token={token}") as page:
        await calls.list_many(MANY)
        await expect(row(page, 1)).to_have_attribute("aria-setsize", str(MANY))
        empty, most = await page.evaluate(SCROLL, frames)
    assert empty == 0  # nothing is blank when it is seen
    assert 0 < most < DRAWN
