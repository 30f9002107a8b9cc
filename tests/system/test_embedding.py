"""<partyline-call> in a real browser, in a page of another origin that allows next to nothing."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect
from starlette.responses import HTMLResponse
from support.cable import Cable
from support.page import needs_chromium, opened, said, shares_browser, turns
from support.timing import TTL, until
from support.twilio_api import serving

pytestmark = [needs_chromium, shares_browser]
MINE, OTHER = "+15550001111", "+15550002222"
REFUSED = 4  # times that a language is asked for before it is let be for a while
# It allows the service, and no inline script or style.
POLICY = "default-src 'none'; script-src {url}; connect-src {url} {ws}; base-uri 'none'"
PAGE = """<!doctype html><html lang="en"><title>A ticket</title>
<meta name="viewport" content="width=device-width"><main><h1>Ticket 7</h1>{shown}</main></html>"""
# The example that users are given.
EXAMPLE = re.findall(
    r"^```html\n(.*?)^```",
    (Path(__file__).parents[2] / "docs" / "embedding.md").read_text(),
    re.MULTILINE | re.DOTALL,
)[0]


@pytest.fixture(scope="module")
def service(serve_many):
    return serve_many(AWAIT_CALL_SECONDS="1", PAUSE_SECONDS="1")


@asynccontextmanager
async def embedded(
    url: str, call: str, token: str, lang: str = "", **options
) -> AsyncIterator[Page]:
    """Open a page of somebody else's, who shows a call in it."""

    async def page(scope, receive, send):
        policy = POLICY.format(url=url, ws=url.replace("http", "ws"))
        shown = EXAMPLE.replace("https://HOST", url).replace("CA…", call).replace("eyJ…", token)
        if lang:
            shown = shown.replace("<partyline-call ", f'<partyline-call lang="{lang}" ')
        answer = HTMLResponse(PAGE.format(shown=shown), headers={"content-security-policy": policy})
        await answer(scope, receive, send)

    async with serving(page) as theirs, opened(theirs, **options) as shown:
        yield shown


async def note_states(page: Page) -> None:
    """Have the title say each state that the page is told of from now on."""
    await page.evaluate(
        "document.title = 'told:';"
        "document.querySelector('partyline-call').addEventListener("
        "'partyline-state', ({ detail }) => { document.title += ` ${detail.state}`; })"
    )


async def has_heard(page: Page, url: str) -> None:
    """Wait until the page has heard of the service what was on its way."""
    await page.evaluate("url => fetch(url).then((later) => later.text())", f"{url}/calls")


def state(page):
    return page.locator("partyline-call .state")


async def test_a_call_is_live_in_a_foreign_page_from_its_beginning_to_its_end(service, token, tell):
    call = await tell(service, from_=MINE, to=OTHER, caller_name="Ana")
    call.say("good morning", 0.0)
    await call.stored()
    async with embedded(service.url, call.sid, token) as page:
        await note_states(page)
        await expect(state(page)).to_have_text("live")
        await expect(page.locator("partyline-call .title")).to_contain_text("Ana")
        call.say("how are you", 2.0, "outbound")
        call.put(type="Gap", start=4.0, end=9.0, track=None, reason="owner-lost")
        await expect(turns(page)).to_have_count(2)
        assert await said(page) == ["good morning", "how are you"]
        await expect(page.locator("partyline-call .gap")).to_be_visible()
        # The sheets are there, though the page allows no inline style.
        await expect(page.locator("partyline-call .log")).to_have_css("overflow-y", "auto")
        await call.end()
        await expect(state(page)).to_have_text("ended")
        await expect(page).to_have_title(re.compile(r" ended$"))


async def test_it_speaks_the_language_that_it_is_given(service, token, tell):
    call = await tell(service, from_=MINE)
    call.put(type="Gap", start=4.0, end=9.0, track=None, reason="owner-lost")
    async with embedded(service.url, call.sid, token, lang="de-AT") as page:
        await expect(page.locator("partyline-call .gap")).to_contain_text("Keine Mitschrift")
        await call.end()
        await expect(state(page)).to_have_text("beendet")


async def test_a_language_that_could_not_be_loaded_comes_once_the_service_has_it(
    service, token, tell
):
    call = await tell(service, from_=MINE)
    call.say("guten Tag", 0.0)
    call.put(type="Gap", start=4.0, end=9.0, track=None, reason="owner-lost")
    async with embedded(service.url, call.sid, token, lang="de") as page:
        await page.route("**/languages/de.js*", lambda route: route.abort())
        await page.reload()
        shown = page.locator("partyline-call")
        await expect(state(page)).to_have_text("live")
        await expect(shown.locator(".gap")).to_contain_text("No transcript from")
        first = await shown.locator(".said").element_handle()
        await page.unroute_all()
        await page.evaluate("dispatchEvent(new Event('offline'))")  # and so it connects anew
        await expect(shown.locator(".gap")).to_contain_text("Keine Mitschrift")
        await expect(state(page)).to_have_text("live")
        await expect(shown.locator(".who")).to_have_text("Anrufer")
        await expect(shown.locator(".log")).to_have_attribute(
            "aria-label", re.compile("^Mitschrift")
        )
        assert await said(page) == ["guten Tag"]
        # What was read is what is read: it was not asked for again.
        assert first is not None
        assert await first.evaluate("(one) => one.isConnected")


async def test_what_cannot_be_read_is_said_in_the_language_that_comes(service, token):
    async with embedded(service.url, "CA0", token, lang="de") as page:
        await page.clock.install()
        refused: list[str] = []

        async def refuse(route):
            refused.append(route.request.url)
            await route.abort()

        await page.route("**/languages/de.js*", refuse)
        await page.reload()
        await expect(state(page)).to_have_text(re.compile("^no call"))
        await until(lambda: len(refused) == REFUSED)
        await has_heard(page, service.url)
        await page.unroute_all()
        await page.clock.run_for(30_000)
        await expect(state(page)).to_have_text(re.compile("^Kein Gespräch"))


async def test_offline_is_said_and_no_line_is_lost(service, token, tell):
    call = await tell(service, from_=MINE)
    call.say("before", 0.0)
    async with (
        Cable(int(service.url.rpartition(":")[2])) as cable,
        embedded(f"http://127.0.0.1:{cable.port}", call.sid, token) as page,
    ):
        await expect(turns(page)).to_have_count(1)
        cable.cut()
        await expect(state(page)).to_have_text("offline: reconnecting …")
        call.say("meanwhile", 5.0, "outbound")
        await call.stored()
        cable.mend()
        await expect(state(page)).to_have_text("live")
        await expect(turns(page)).to_have_count(2)
        assert await said(page) == ["before", "meanwhile"]


async def test_what_nobody_confirms_is_not_believed_for_long(service, token, tell):
    call = await tell(service, from_=MINE)
    async with embedded(service.url, call.sid, token) as page:
        await expect(state(page)).to_have_text("live")
        alternative = {"transcript": "I was about", "confidence": 0.5, "words": []}
        result = {"type": "Results", "start": 1.0, "duration": 1.0, "is_final": False}
        result |= {"speech_final": False, "channel": {"alternatives": [alternative]}}
        call.writer.interim("outbound", result)
        await expect(page.locator("partyline-call .interim")).to_have_text("I was about")
        await page.evaluate("const now = Date.now; Date.now = () => now() + 10_001")
        await expect(page.locator("partyline-call .interim")).to_have_count(0)


async def test_a_token_that_expires_is_said_and_replaced(service, mint, tell):
    call = await tell(service, from_=MINE)
    call.say("before", 0.0)
    async with embedded(service.url, call.sid, mint(calls=[call.sid])) as page:
        await expect(state(page)).to_have_text("live")
        async with page.expect_event("websocket"):
            await use(page, mint(calls=[call.sid], ttl=TTL))
        await note_states(page)
        await expect(state(page)).to_contain_text("the token has expired")
        await expect(page).to_have_title(re.compile(r"^told:( offline)? expired$"))
        await use(page, mint(calls=[call.sid]))
        await expect(state(page)).to_have_text("live")
        call.say("after", 9.0)
        await expect(turns(page)).to_have_count(2)
        assert await said(page) == ["before", "after"]


async def test_a_call_that_has_ended_stays_so_whatever_becomes_of_line_and_token(
    service, mint, tell
):
    call = await tell(service, from_=MINE)
    call.say("before", 0.0)
    await call.end()
    async with Cable(service.port) as cable:
        url = f"http://127.0.0.1:{cable.port}"
        async with embedded(url, call.sid, mint(calls=["*"])) as page:
            await expect(state(page)).to_have_text("ended")
            await note_states(page)
            async with page.expect_event("websocket"):  # it comes back
                cable.cut()
                cable.mend()
            async with page.expect_response("**/calls"):  # which says that it is over
                await use(page, mint(calls=["*"], ttl=-60))
            await has_heard(page, url)
            await expect(page.locator(".lost")).to_have_count(0)
            assert (await page.title(), await state(page).text_content()) == ("told:", "ended")


async def test_a_token_that_was_over_before_is_said_so(service, mint, tell):
    call = await tell(service, from_=MINE)
    async with embedded(service.url, call.sid, mint(calls=[call.sid], ttl=-60)) as page:
        await expect(state(page)).to_contain_text("the token has expired")
        await use(page, mint(calls=[call.sid]))
        await expect(state(page)).to_have_text("live")


async def use(page: Page, token: str) -> None:
    """Give the element another token."""
    await page.locator("partyline-call").evaluate(
        "(element, token) => element.setAttribute('token', token)", token
    )


async def test_what_a_token_does_not_open_is_read_with_the_next_that_does(service, mint, tell):
    call, other = await tell(service, from_=MINE), await tell(service, from_=OTHER)
    call.say("before", 0.0)
    mine, strange = mint(calls=[call.sid]), mint(calls=[other.sid])
    async with embedded(service.url, call.sid, strange) as page:
        await expect(state(page)).to_have_text("this token does not open this call")
        await use(page, mine)
        await expect(state(page)).to_have_text("live")
        assert await said(page) == ["before"]
        await use(page, strange)
        await expect(state(page)).to_have_text("this token does not open this call")
        assert await said(page) == ["before"]  # it stays in sight
        call.say("meanwhile", 9.0)
        await use(page, mine)
        await expect(state(page)).to_have_text("live")
        call.say("after", 18.0)
        await expect(turns(page)).to_have_count(3)
        assert await said(page) == ["before", "meanwhile", "after"]


async def test_a_token_that_is_set_as_the_last_is_refused_is_tried(service, mint, tell):
    """Before anything else: the page need not wait to be told."""
    call, other = await tell(service, from_=MINE), await tell(service, from_=OTHER)
    async with embedded(service.url, f"CA{'0' * 32}", mint(calls=["*"])) as page:
        await page.locator("partyline-call").evaluate(
            "(element, token) => element.addEventListener('partyline-state', ({ detail }) =>"
            " { if (detail.state === 'refused') element.setAttribute('token', token); })",
            mint(calls=[call.sid]),
        )
        await use(page, mint(calls=[other.sid]))
        await page.locator("partyline-call").evaluate(
            "(element, call) => element.setAttribute('call', call)", call.sid
        )
        await expect(state(page)).to_have_text("live")


async def test_a_call_that_has_not_begun_is_awaited_again_with_another_token(service, mint):
    async with embedded(service.url, f"CA{0:032x}", mint(calls=["*"])) as page:
        await expect(state(page)).to_have_text("no such call")
        await note_states(page)
        async with page.expect_event("websocket"):
            await use(page, mint(calls=["*"], ttl=900))
        await expect(page).to_have_title("told: looking refused")


async def test_what_is_awaited_is_no_longer_offline_once_the_line_is_back(serve, mint):
    service = serve(AWAIT_CALL_SECONDS="300")
    unknown = f"CA{0:032x}"
    async with (
        Cable(service.port) as cable,
        embedded(f"http://127.0.0.1:{cable.port}", unknown, mint(calls=["*"])) as page,
    ):
        await expect(state(page)).to_have_text("looking for this call …")
        cable.cut()
        await expect(state(page)).to_contain_text("offline")
        cable.mend()
        await expect(state(page)).to_have_text("looking for this call …")


async def test_a_token_of_a_number_shows_its_calls_and_no_others(service, mint, tell):
    theirs, other = await tell(service, from_=MINE), await tell(service, from_=OTHER)
    for call in (theirs, other):
        call.say("a secret", 0.0)
        await call.end()
    token = mint(numbers=[MINE])
    async with embedded(service.url, theirs.sid, token) as page:
        await expect(state(page)).to_have_text("ended")
        assert await said(page) == ["a secret"]
        element = page.locator("partyline-call")
        await element.evaluate("(one, call) => one.setAttribute('call', call)", other.sid)
        await expect(state(page)).to_have_text("no such call")
        assert not await said(page)
        await element.evaluate("(one) => one.setAttribute('call', 'CA1')")
        await expect(state(page)).to_contain_text("no callSid")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nothing_that_axe_finds_keeps_anybody_out(service, mint, tell, scheme):
    """Live, with all that may stand in it; offline; ended; refused."""
    call = await tell(service, from_=MINE, to=OTHER)
    call.say("Good morning.", 1.0)
    call.say("Who is there?", 3.0, "outbound")
    call.put(type="Gap", start=5.0, end=9.0, track=None, reason="owner-lost")
    call.put(type="Recogniser", state="down", reason="HTTP 503")
    found = []
    async with Cable(int(service.url.rpartition(":")[2])) as cable:
        url = f"http://127.0.0.1:{cable.port}"
        async with embedded(url, call.sid, mint(calls=["*"]), color_scheme=scheme) as page:
            await expect(page.locator("partyline-call .gap")).to_be_visible()
            ground = {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 27)"}[scheme]
            element = page.locator("partyline-call")
            await expect(element).to_have_css("background-color", ground)
            found.append(("live", await Axe().run(page)))
            cable.cut()
            await expect(state(page)).to_contain_text("offline")
            found.append(("offline", await Axe().run(page)))
            cable.mend()
            await call.end()
            await expect(state(page)).to_have_text("ended")
            found.append(("ended", await Axe().run(page)))
            await element.evaluate("(one) => one.setAttribute('call', '')")
            await expect(state(page)).to_contain_text("no callSid")
            found.append(("refused", await Axe().run(page)))
    assert {name: each.violations_count for name, each in found if each.violations_count} == {}, [
        each.generate_report() for _, each in found
    ]
