"""The page in a real browser, when the network, the service or the token goes away."""

import asyncio
import re
import sys
import time
from asyncio.subprocess import PIPE, STDOUT
from collections import Counter
from contextlib import asynccontextmanager

import httpx
import pytest
from playwright.async_api import expect
from starlette.responses import HTMLResponse
from support.cable import Cable
from support.page import (
    browsing,
    needs_chromium,
    opened,
    read_with,
    said,
    shares_browser,
    turns,
)
from support.timing import PATIENCE, TTL, patience, until
from support.twilio_api import serving

from bench.processes import free_port

pytestmark = [needs_chromium, shares_browser]
RECONNECTING = re.compile("reconnecting", re.IGNORECASE)


@pytest.fixture(scope="module")
def service(serve_many):
    """Run one for the tests that ask for a call, and look at nothing but that."""
    return serve_many()


async def test_without_a_network_for_10_s_no_line_is_lost_or_doubled(service, token, tell):
    call = await tell(service)
    async with Cable(int(service.url.rpartition(":")[2])) as cable:
        url = f"http://127.0.0.1:{cable.port}/#token={token}&call={call.sid}"
        async with opened(url) as page:
            call.say("before", 0.0, "inbound")
            await expect(turns(page)).to_have_count(1)
            cable.cut()
            await expect(page.locator("#connection")).to_have_text(RECONNECTING)
            for number in range(5):
                call.say(f"meanwhile {number}", 10.0 * (number + 1), "outbound")
            await call.stored()
            await asyncio.sleep(10)
            cable.mend()
            call.say("after", 90.0, "inbound")
            await expect(turns(page)).to_have_count(7)
            meanwhile = [f"meanwhile {number}" for number in range(5)]
            assert await said(page) == ["before", *meanwhile, "after"]
            await expect(page.locator("#connection")).to_have_text("Connected")


async def test_a_line_that_is_dead_and_says_nothing_is_noticed(service, token, tell):
    """The network swallows everything: no close, no reset. Waking up asks whether it is there."""
    call = await tell(service)
    async with Cable(int(service.url.rpartition(":")[2])) as cable:
        url = f"http://127.0.0.1:{cable.port}/#token={token}&call={call.sid}"
        async with opened(url) as page:
            call.say("before", 0.0)
            await expect(turns(page)).to_have_count(1)
            cable.swallow()
            call.say("meanwhile", 10.0)
            await page.evaluate("window.dispatchEvent(new Event('online'))")
            await expect(page.locator("#connection")).to_have_text(RECONNECTING)
            cable.mend()
            await expect(page.locator("#connection")).to_have_text("Connected")
            call.say("after", 20.0)
            await expect(turns(page)).to_have_count(3)
            assert await said(page) == ["before", "meanwhile", "after"]


async def test_a_token_that_expired_while_the_network_was_away_is_said_so(service, mint, tell):
    call = await tell(service)
    async with Cable(int(service.url.rpartition(":")[2])) as cable:
        url = f"http://127.0.0.1:{cable.port}/#token={mint(calls=['*'])}&call={call.sid}"
        async with opened(url) as page:
            await expect(page.locator("#connection")).to_have_text("Connected")
            expires = time.time() + TTL
            await read_with(page, mint(calls=["*"], ttl=TTL))
            await expect(page.locator("#connection")).to_have_text("Connected")
            cable.cut()
            await asyncio.sleep(max(0, expires + 0.5 - time.time()))
            cable.mend()
            await expect(page.locator("#problem")).to_contain_text("expired")


async def test_a_process_that_leaves_is_come_back_from(serve, token, tell, nats):
    """The service is restarted in mid-call: what was said meanwhile is there, once."""
    first = serve(NATS_URL=nats.url)
    port = first.url.rpartition(":")[2]
    at_nats = type("At", (), {"nats_url": nats.url})()
    call = await tell(at_nats)
    async with opened(f"{first.url}/#token={token}&call={call.sid}") as page:
        call.say("before", 0.0)
        await expect(turns(page)).to_have_count(1)
        await page.evaluate(
            "window.told = []; new MutationObserver(() => {"
            "window.told.push(document.body.dataset.connection,"
            " document.querySelector('.call-panel .state').textContent); })"
            ".observe(document.body, { attributeFilter: ['data-connection'] })"
        )
        assert await asyncio.to_thread(first.stop) == 0
        await expect(page.locator("#connection")).to_have_text(RECONNECTING)
        assert (await page.evaluate("window.told"))[:2] == ["draining", "not live"]
        call.say("meanwhile", 10.0)
        await call.stored()
        serve(NATS_URL=nats.url, PORT=port)
        await expect(page.locator("#connection")).to_have_text("Connected")
        call.say("after", 20.0)
        await expect(turns(page)).to_have_count(3)
        assert await said(page) == ["before", "meanwhile", "after"]


async def test_a_token_that_expires_is_said_and_replaced(service, mint, tell):
    call = await tell(service)
    call.say("before", 0.0)
    async with opened(f"{service.url}/#token={mint(calls=['*'])}&call={call.sid}") as page:
        await expect(turns(page)).to_have_count(1)
        await read_with(page, mint(calls=["*"], ttl=TTL))
        await expect(page.locator("#problem")).to_contain_text("expired")
        await page.fill("#token", mint(calls=["*"]))
        await page.keyboard.press("Enter")
        call.say("after", 10.0)
        await expect(turns(page)).to_have_count(2)
        assert await said(page) == ["before", "after"]
        stored = await page.evaluate("JSON.stringify([location.href, document.cookie])")
        assert "token" not in stored


async def test_a_link_takes_the_token_in_use_away_only_if_the_reader_says_so(service, mint, tell):
    mine, other = [await tell(service, from_=f"+1555000{number}") for number in ("1111", "2222")]
    link = f"location.hash = 'token={mint(calls=[other.sid])}'"
    async with opened(f"{service.url}/#token={mint(calls=[mine.sid])}") as page:
        calls = page.locator("#calls")
        await expect(calls).to_contain_text("1111")
        await page.evaluate(link)
        await expect(page.locator("#other-token")).to_be_visible()
        assert page.url == f"{service.url}/"
        await page.reload()  # nothing was replaced, in the tab's storage either
        await expect(calls).to_contain_text("1111")
        await page.evaluate(link)
        await page.click("#keep-token")
        await expect(page.locator("#other-token")).to_be_hidden()
        await expect(page.locator("#connection")).to_have_text("Connected")
        await expect(calls).to_contain_text("1111")
        await page.evaluate(link)
        await page.click("#use-token")
        await expect(calls).to_contain_text("2222")
        await expect(calls).not_to_contain_text("1111")


async def test_only_a_page_that_may_shows_ours_in_a_frame(serve, token, tell):
    """As the browser holds it: two pages of other origins, one of which is named."""
    port = free_port()
    allowed = f"http://127.0.0.1:{port}"
    service = serve(FRAME_ANCESTORS=allowed)
    call = await tell(service)
    call.say("within", 0.0)
    frame = f'<iframe src="{service.url}/#token={token}&call={call.sid}" title="a"></iframe>'
    foreign = HTMLResponse(f"<!doctype html><title>another</title>{frame}")
    async with (
        serving(foreign, port=port),
        serving(foreign) as other,
        browsing() as browser,
        await browser.new_page() as unnamed,  # whose console says why
        opened(allowed) as named,
    ):
        await expect(turns(named.frame_locator("iframe"))).to_have_count(1)
        async with unnamed.expect_console_message(lambda said: "frame-ancestors" in said.text):
            await unnamed.goto(other)
        await until(lambda: unnamed.frames[-1].url.startswith("chrome-error:"))


async def test_frames_of_a_page_read_each_with_the_token_of_its_link(serve, mint, tell):
    """Side by side, and one after another in the same frame."""
    port = free_port()
    allowed = f"http://127.0.0.1:{port}"
    service = serve(FRAME_ANCESTORS=allowed)
    calls = [await tell(service) for _ in range(3)]
    for number, call in enumerate(calls):
        call.say(f"number {number}", 0.0)
    links = [f"{service.url}/#token={mint(calls=[one.sid])}&call={one.sid}" for one in calls]
    frames = "".join(f'<iframe src="{link}" title="a call"></iframe>' for link in links[:2])
    foreign = HTMLResponse(f"<!doctype html><title>another</title>{frames}")
    async with serving(foreign, port=port), opened(allowed) as page:
        for number in range(2):
            frame = page.frame_locator(f"iframe >> nth={number}")
            await expect(frame.locator(".said")).to_have_text(f"number {number}")
        first = page.locator("iframe").first
        await first.evaluate("(one, link) => { one.src = link; }", links[2])
        await expect(page.frame_locator("iframe >> nth=0").locator(".said").last).to_have_text(
            "number 2"
        )


async def test_a_token_that_opens_nothing_is_said(service):
    async with opened(f"{service.url}/#token=nonsense") as page:
        await expect(page.locator("#problem")).to_contain_text("opens nothing")


@asynccontextmanager
async def demonstrated():
    """Run the demo; gives port, token and call of the address that it prints for a browser."""
    demo = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "handler.cli", "demo", stdin=PIPE, stdout=PIPE, stderr=STDOUT
    )
    try:
        while line := (await demo.stdout.readline()).decode():
            if found := re.search(r"http://127\.0\.0\.1:(\d+)/#token=(\S+)&call=(CA\w+)", line):
                reading = asyncio.create_task(demo.stdout.read())  # its pipe must not fill up
                yield int(found[1]), found[2], found[3]
                reading.cancel()
                return
        raise AssertionError("the demo ended")
    finally:
        demo.terminate()
        await asyncio.wait_for(demo.wait(), PATIENCE)


FINAL = ".said > span:not(.interim)"
WORDS = f"Array.from(document.querySelectorAll('{FINAL}'), (one) => one.textContent)"


@pytest.mark.proof
async def test_the_demo_is_read_along_on_the_page(rounds):
    """Recorded speech, both sides; without a network for 10 s; in full, to the end."""
    for number in rounds(sample=1, full=2):
        async with demonstrated() as (port, token, sid), Cable(port) as cable:
            url = f"http://127.0.0.1:{cable.port}"
            async with opened(f"{url}/#token={token}") as page:
                await page.locator("#calls .open").click()
                await expect(page.locator(".interim").first).to_be_attached()
                for side in ("inbound", "outbound"):
                    final = page.locator(f".turn.{side} {FINAL}").first
                    await expect(final).to_be_attached()
                # How late a recogniser is that is busy is not what is asked.
                await expect(page.locator(".delay")).to_contain_text(re.compile("behind|late"))
                if number == 0:
                    cable.cut()
                    await expect(page.locator("#connection")).to_have_text(RECONNECTING)
                    await asyncio.sleep(10)
                    cable.mend()
                    await expect(page.locator("#connection")).to_have_text("Connected")
                else:
                    await expect(page.locator(".state")).to_have_text(
                        "ended", timeout=3 * PATIENCE * 1000
                    )
                await page.wait_for_function(f"{WORDS}.join(' ').match(/\\S+/g)?.length >= 10")
                stored = await words_stored(url, sid, token)
                assert stored.total() >= 10
                async with patience():  # no word is missing
                    while stored - await words_read(page):  # noqa: ASYNC110  asked of a browser
                        await asyncio.sleep(0.1)
                read = await words_read(page)
                assert not read - await words_stored(url, sid, token)  # and none is doubled


async def words_stored(url: str, sid: str, token: str) -> Counter[str]:
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(trust_env=False, headers=headers) as client:
        transcript = (await client.get(f"{url}/calls/{sid}/transcript.json")).json()
    return Counter(word for turn in transcript["turns"] for word in turn["text"].split())


async def words_read(page) -> Counter[str]:
    finals = await page.locator(FINAL).all_text_contents()
    return Counter(word for text in finals for word in text.split())
