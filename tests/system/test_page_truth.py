"""The page in a real browser: what is shown as live is so, and what it weighs on the way."""

from contextlib import asynccontextmanager

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect
from support.cable import Cable
from support.page import (
    needs_chromium,
    note,
    noted,
    opened,
    read_with,
    shares_browser,
    turns,
)
from support.sids import call_sid
from support.timing import TTL

pytestmark = [needs_chromium, shares_browser]
WITHIN = 5_000  # ms: so soon it is told that nothing comes
MAX_FIRST_LOAD = 40_000  # bytes over the wire, headers included


@pytest.fixture(scope="module")
def service(serve_many):
    """Run one for the tests whose token opens one call, or that look at nothing but that."""
    return serve_many()


async def test_the_first_load_weighs_no_more_than_40_kb_in_all(serve, token, tell):
    service = serve()
    call = await tell(service)
    call.say("hello", 0.0)
    async with opened("about:blank") as page:
        devtools = await page.context.new_cdp_session(page)
        asked: dict[str, str] = {}
        weights: dict[str, float] = {}
        devtools.on(
            "Network.requestWillBeSent",
            lambda event: asked.update({event["requestId"]: event["request"]["url"]}),
        )
        devtools.on(
            "Network.loadingFinished",
            lambda event: weights.update({event["requestId"]: event["encodedDataLength"]}),
        )
        await devtools.send("Network.enable")
        await page.goto(f"{service.url}/#token={token}")
        row = page.locator("#calls .open")
        await expect(row).to_have_count(1)
        told = {asked[request]: weight for request, weight in weights.items()}
        print(f"first load: {sum(told.values()) / 1000:.1f} kB in {len(told)} requests")
        assert sum(told.values()) <= MAX_FIRST_LOAD, told
        assert list(told) == [f"{service.url}/"]  # one answer: it is of one version
        # What shows a call comes with the first that is opened, in one answer too.
        await row.click()
        await expect(turns(page)).to_have_count(1)
        more = {asked[request]: weight for request, weight in weights.items()}
        added = {url: weight for url, weight in more.items() if url not in told}
        print(f"the first call: {sum(added.values()) / 1000:.1f} kB in {len(added)} requests")
        assert [url.rpartition("/")[2] for url in added] == ["call_opener.js"]
        first = dict(weights)
        await page.reload()
        await expect(row).to_have_count(1)
        again = [weight for request, weight in weights.items() if request not in first]
        assert sum(again) <= 1000, again  # it was asked for, and is the same


def interim(text: str, start: float) -> dict:
    """Return what the recogniser says of words that may still change."""
    alternative = {"transcript": text, "confidence": 0.5, "words": []}
    result = {"type": "Results", "start": start, "duration": 1.0, "is_final": False}
    return result | {"speech_final": False, "channel": {"alternatives": [alternative]}}


# How each open call stands, and whether that is told, at each change; and after how many frames.
TELLINGS = """() => {
  window.tellings = [];
  let frame = 0;
  const count = () => { frame += 1; requestAnimationFrame(count); };
  count();
  for (const [call, state] of document.querySelectorAll(".call-panel .state").entries())
    new MutationObserver(() => tellings.push(
      { call, frame, text: state.textContent, live: state.getAttribute("aria-live") ?? "polite" },
    )).observe(state, { attributes: true, childList: true, characterData: true, subtree: true });
}"""


async def stands(page, state: str) -> None:
    await expect(page.locator("body")).to_have_attribute("data-connection", state)


@asynccontextmanager
async def reading(service, token, call, *, turns_clock=False):
    """
    Open the page over a cable, a call on it, in which the callee speaks.

    Its clock can be turned forward, if told; it goes on by itself all the same.
    """
    call.say("before", 0.0)
    async with Cable(service.port) as cable:
        url = f"http://127.0.0.1:{cable.port}/#token={token}&call={call.sid}"
        async with opened("about:blank") as page:
            if turns_clock:
                await page.clock.install()
            await page.goto(url)
            await expect(turns(page)).to_have_count(1)
            await expect(state_of(page)).to_have_text("live")
            yield page, cable


def state_of(page):
    return page.locator(".call-panel .state")


async def test_a_line_that_swallows_all_is_told_within_5_s_wherever_something_was_live(
    service, mint, tell
):
    call = await tell(service)
    async with reading(service, mint(calls=[call.sid]), call, turns_clock=True) as (page, cable):
        call.writer.interim("outbound", interim("I was about", 3.0))
        await expect(page.locator("#calls .speaking")).to_have_count(1)
        cable.swallow()
        await page.evaluate("0")  # what was passed on before has come
        # By the page's own clock: a busy machine is late by all others.
        await page.clock.run_for(WITHIN)
        assert await page.locator("body").get_attribute("data-connection") == "offline"
        await expect(page.locator("#connection")).to_contain_text("Offline")
        await expect(state_of(page)).to_have_text("not live")
        # Who listens is told it once, by the line that says why, however many calls there are.
        await expect(state_of(page)).to_have_attribute("aria-live", "off")
        await expect(page.locator(".call-panel.live, .interim, #calls .speaking")).to_have_count(0)
        await expect(page.locator(".delay")).to_be_empty()
        await expect(page.locator("#list-age")).to_contain_text("As it was at")
        found = (await Axe().run(page)).response["violations"]
        assert [one["id"] for one in found] == []
        # Clocks stand still; how long it lasts goes on.
        clocks = page.locator(".clock")
        shown = await clocks.all_text_contents()
        first = await page.locator("#connection-since").text_content()
        await expect(page.locator("#connection-since")).not_to_have_text(first or "")
        assert await clocks.all_text_contents() == shown
        cable.mend()
        await stands(page, "live")
        await expect(state_of(page)).to_have_text("live")
        await expect(state_of(page)).to_have_attribute("aria-live", "polite")
        await expect(page.locator("#list-age")).to_be_hidden()
        call.say("after", 9.0)
        await expect(turns(page)).to_have_count(2)


async def test_that_calls_are_live_again_is_told_by_the_page_alone(service, mint, tell):
    """Who listens would hear it of each of them at once."""
    calls = [await tell(service) for _ in range(3)]
    for call in calls:
        call.say("before", 0.0)
    async with Cable(service.port) as cable:
        sids = ",".join(call.sid for call in calls)
        link = f"#token={mint(calls=[call.sid for call in calls])}&calls={sids}"
        async with opened(f"http://127.0.0.1:{cable.port}/{link}") as page:
            await expect(turns(page)).to_have_count(3)
            for number in range(3):
                await expect(state_of(page).nth(number)).to_have_text("live")
            await page.evaluate(TELLINGS)
            cable.cut()
            await stands(page, "offline")
            cable.mend()
            told = page.locator('.call-panel.live .state[aria-live="polite"]')
            await expect(told).to_have_count(3)
            tellings = await page.evaluate("tellings")
    for number in range(3):
        of_call = [telling for telling in tellings if telling["call"] == number]
        assert {"not live", "live"} <= {telling["text"] for telling in of_call}
        *before, last = of_call
        assert {telling["live"] for telling in before} == {"off"}
        assert last["live"] == "polite"
        assert last["text"] == "live"
        assert last["frame"] > before[-1]["frame"]  # that it is live was drawn untold


async def test_how_an_awaited_call_stands_is_told_once_the_connection_is_back(service, token):
    async with Cable(service.port) as cable:
        link = f"http://127.0.0.1:{cable.port}/#token={token}&calls={call_sid(1)}"
        async with opened(link) as page:
            state = state_of(page)
            await expect(state).to_have_attribute("aria-live", "polite")
            cable.cut()
            await stands(page, "offline")
            await expect(state).to_have_attribute("aria-live", "off")
            cable.mend()
            await expect(state).to_have_attribute("aria-live", "polite")
            await expect(state).to_have_text("looking for this call …")


async def test_what_the_browser_says_or_slept_through_is_not_taken_for_live(service, token, tell):
    call = await tell(service)
    async with reading(service, token, call) as (page, cable):
        said = "dispatchEvent(new Event('offline')); document.body.dataset.connection"
        assert await page.evaluate(said) == "offline"
        await stands(page, "live")
        await expect(state_of(page)).to_have_text("live")
        cable.swallow()
        slept = (
            "const now = Date.now; Date.now = () => now() + 60_000;"
            "document.dispatchEvent(new Event('visibilitychange'));"
            "document.body.dataset.connection"
        )
        assert await page.evaluate(slept) == "offline"
        cable.mend()
        await stands(page, "live")


async def test_a_token_that_expires_leaves_all_open_and_nothing_live(service, mint, tell):
    call = await tell(service)
    async with reading(service, mint(calls=[call.sid]), call) as (page, _):
        await read_with(page, mint(calls=[call.sid], ttl=TTL))
        await stands(page, "expired")
        await expect(state_of(page)).to_have_text("not live")
        await expect(page.locator("#problem")).to_contain_text("expired")
        await expect(page.locator("#connection")).to_have_text("not live")
        await expect(page.locator(".call-panel.live, .voice:visible")).to_have_count(0)
        await page.fill("#token", mint(calls=[call.sid]))
        await page.keyboard.press("Enter")
        await stands(page, "live")
        await expect(state_of(page)).to_have_text("live")
        call.say("after", 10.0)
        await expect(turns(page)).to_have_count(2)


async def test_an_open_call_that_a_token_does_not_open_is_read_with_the_next_that_does(
    service, mint, tell
):
    call, other = await tell(service), await tell(service)
    call.say("before", 0.0)
    mine, strange = mint(calls=[call.sid, other.sid]), mint(calls=[other.sid])
    async with opened(f"{service.url}/#token={strange}&calls={call.sid},{other.sid}") as page:
        states = page.locator(".call-panel .state")
        refused = "this token does not open this call"
        await expect(states).to_have_text([refused, "live"])
        await read_with(page, mine)
        await expect(states).to_have_text(["live", "live"])
        await read_with(page, strange)
        await expect(states).to_have_text([refused, "live"])
        call.say("meanwhile", 10.0)
        await read_with(page, mine)
        await expect(states).to_have_text(["live", "live"])
        call.say("after", 20.0)
        lines = turns(page.locator(".call-panel").first)
        await expect(lines).to_have_count(3)


async def test_a_computers_clock_that_is_put_back_leaves_no_delay_standing(service, token, tell):
    call = await tell(service)
    async with reading(service, token, call) as (page, _):
        delay = page.locator(".delay")
        await note(page, ".delay")
        call.say("one", 5.0)
        await noted(page, ".delay")
        await page.evaluate(
            "const now = Date.now; Date.now = () => now() - 3_600_000;"
            "const steady = performance.now;"
            "performance.now = () => Reflect.apply(steady, performance, []) + 5_001;"
        )
        await expect(delay).to_be_empty()
        call.say("two", 10.0)
        await noted(page, ".delay")


async def test_a_call_that_has_ended_leads_to_its_end_and_counts_what_was_not_seen(
    service, token, tell
):
    call = await tell(service)
    for number in range(1, 60):
        call.say(f"line {number}", 10.0 * number)
    await call.stored()
    async with opened(f"{service.url}/#token={token}&call={call.sid}") as page:
        await expect(turns(page)).to_have_count(59)
        await expect(state_of(page)).to_have_text("live")
        await page.locator(".log").evaluate("log => { log.scrollTop = 0; }")
        await expect(page.locator(".jump")).to_be_visible()  # it is noticed
        for start in (700.0, 702.0, 720.0):  # two turns, the first of which grows
            call.say("new", start)
        await expect(page.locator(".jump")).to_have_text("Jump to live (2 new)")
        await call.end()
        await expect(page.locator(".jump")).to_have_text("Jump to the end (2 new)")
        await page.locator(".jump").click()
        await expect(page.locator(".jump")).to_be_hidden()


async def test_a_page_whose_version_is_gone_says_so_and_mixes_nothing(service, token):
    """As after a roll-out: what it would load now is another version's."""
    async with opened(f"{service.url}/#token={token}") as page:
        await stands(page, "live")
        await page.route("**/files/*/**", lambda route: route.fulfill(status=404))
        await page.click("#help")
        await expect(page.locator("#notices-text")).to_contain_text("Load the page again")
