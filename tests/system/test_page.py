"""The page in a real browser: pick a call, read it live."""

import asyncio
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect
from support.page import (
    mark_uncertain_words,
    needs_chromium,
    note,
    noted,
    opened,
    said,
    shares_browser,
    turns,
    use_tool,
)
from support.timing import LOOK, until

from bench.processes import resident_mb
from broker.records import Record

pytestmark = [needs_chromium, shares_browser]
NUMBER, OTHER = "+15550001111", "+15550002222"


@pytest.fixture(scope="module")
def service(serve_many):
    """Run one for the tests that ask for a call, and look at nothing but that."""
    return serve_many()


def interim(text: str, start: float, duration: float = 1.0) -> dict:
    alternative = {"transcript": text, "confidence": 0.5, "words": []}
    return {
        "type": "Results",
        "start": start,
        "duration": duration,
        "is_final": False,
        "speech_final": False,
        "channel": {"alternatives": [alternative]},
    }


# What may still change is believed for 10 s: they pass when the test says so (ms).
STOP_CLOCK = """() => {
  window.passed = 0;
  const now = Date.now();
  Date.now = () => now + window.passed;
}"""


async def test_a_row_and_a_tile_say_in_one_moment_who_speaks(service, token, tell):
    call = await tell(service)
    async with opened("about:blank") as page:
        await page.add_init_script("window.setInterval = () => 0;")  # no second passes
        await page.goto(f"{service.url}/#token={token}&call={call.sid}")
        await expect(page.locator(".call-panel .state")).to_have_text("live")
        call.writer.interim("outbound", interim("Who is", 0.0))
        row = page.locator(f'#calls [data-call-sid="{call.sid}"]')
        await expect(row.locator(".signal")).to_have_attribute("data-speaking", "outbound")
        tile = page.locator(".call-panel .signal")
        await expect(tile).to_have_attribute("data-speaking", "outbound")


async def test_how_far_a_word_was_behind_is_not_told_for_long(service, token, tell):
    call = await tell(service)
    async with opened(f"{service.url}/#token={token}&call={call.sid}") as page:
        await expect(page.locator(".call-panel .state")).to_have_text("live")
        await note(page, ".call-panel .delay")
        call.say("Good morning.", 0.0)
        await noted(page, ".call-panel .delay")
        await expect(page.locator(".call-panel .delay")).to_be_empty()


async def test_a_word_that_is_told_again_to_who_comes_later_is_no_later_for_that(
    service, token, tell
):
    """How far a call is behind is one figure, whenever its tile was opened."""
    call = await tell(service)
    link = f"{service.url}/#token={token}"
    async with opened(link) as page, opened(link) as other:  # which reads on, so it is kept
        row = f'#calls [data-call-sid="{call.sid}"]'
        await expect(other.locator(row)).to_be_visible()
        await expect(page.locator(row)).to_be_visible()
        call.writer.interim("outbound", interim("Who is", 0.0))
        await expect(other.locator(row)).to_contain_text("Who is")
        await expect(page.locator(row)).to_contain_text("Who is")
        await page.evaluate("sid => { location.hash = `call=${sid}`; }", call.sid)
        await expect(page.locator(".call-panel .interim")).to_contain_text("Who is")
        assert await page.locator(".call-panel .delay").text_content() == ""
        await note(page, ".call-panel .delay")
        call.writer.interim("outbound", interim("Who is there", 0.0))
        await noted(page, ".call-panel .delay")


async def test_a_call_is_chosen_and_read_live(serve, token, tell):
    service = serve()
    call = await tell(service, from_=NUMBER, to=OTHER)
    async with opened(f"{service.url}/#token={token}") as page:
        assert page.url == f"{service.url}/"  # nothing of the token is left in it
        row = page.locator("#calls .open")
        await expect(row).to_contain_text(f"{NUMBER} → {OTHER}")
        await row.click()
        call.say("Good morning.", 1.0)
        await expect(turns(page)).to_have_count(1)
        await page.evaluate(STOP_CLOCK)
        call.writer.interim("outbound", interim("Who is", 3.0))
        await expect(page.locator(".interim")).to_have_text("Who is")
        await expect(page.locator("#calls .last")).to_have_text("Callee: Who is")
        place = await page.locator(".interim").bounding_box()
        call.say("Who is there?", 3.0, "outbound")
        await expect(turns(page)).to_have_count(2)
        await expect(page.locator(".interim")).to_have_count(0)
        final = await turns(page).nth(1).locator(".said").bounding_box()
        assert (final["x"], final["y"]) == pytest.approx((place["x"], place["y"]), abs=2)
        assert await said(page) == ["Good morning.", "Who is there?"]
        who = await turns(page).locator(".who").all_text_contents()
        assert who == ["Caller", "Callee"]
        call.put(type="Gap", start=5.0, end=9.0, track=None, reason="owner-lost")
        gap = page.locator(".gap")
        await expect(gap).to_contain_text("No transcript from 00:05 to 00:09")
        call.put(type="Recogniser", state="down", reason="HTTP 503")
        await expect(page.locator(".trouble")).to_contain_text("HTTP 503")
        call.put(type="Recogniser", state="up", reason="")
        await expect(page.locator(".trouble")).to_be_empty()
        await call.end()
        await expect(page.locator(".call-panel .state")).to_have_text("ended")
        await expect(row).to_have_count(0)


async def test_a_call_that_moves_is_seen_as_nothing_at_all(service, token, tell):
    """Neither on the page nor in the texts."""
    call = await tell(service, from_=NUMBER)
    call.say("One.", 1.0)
    async with opened(f"{service.url}/#token={token}&call={call.sid}") as page:
        await expect(turns(page)).to_have_count(1)
        call.writer._epochs.announce()
        call.put(type="CallResumed", streamSid=f"MZ{'1' * 32}", reason="moved")
        call.say("Two.", 2.0)
        await expect(turns(page).first).to_contain_text("Two.")
        assert await turns(page).count() == 1
        assert await page.locator(".gap").count() == 0
        after = (await page.locator("body").inner_text()).lower()
        assert not [word for word in ("resume", "moved") if word in after]
        async with httpx.AsyncClient(trust_env=False) as client:
            url = f"{service.url}/calls/{call.sid}/transcript.txt?token={token}"
            lines = (await client.get(url)).text.splitlines()
        assert [line for line in lines if "resume" in line or "moved" in line] == []
        await call.end()


async def test_downloads_are_what_the_api_says(service, token, tell):
    call = await tell(service, from_=NUMBER)
    call.say("Good morning.", 1.0)
    async with opened(f"{service.url}/#token={token}&call={call.sid}") as page:
        await expect(turns(page)).to_have_count(1)
        await call.end()
        await expect(page.locator(".call-panel .state")).to_have_text("ended")
        async with httpx.AsyncClient(trust_env=False) as client:
            for form in ("txt", "srt", "vtt", "json"):
                url = f"{service.url}/calls/{call.sid}/transcript.{form}?token={token}"
                wanted = (await client.get(url)).content
                async with page.expect_download() as download:
                    await use_tool(page, f"Download {form.upper()}")
                file = await download.value
                assert file.suggested_filename == f"{call.sid}.{form}"
                path = Path(await file.path())
                assert await asyncio.to_thread(path.read_bytes) == wanted


async def test_a_link_to_a_moment_shows_it_in_a_page_that_is_open_too(service, token, tell):
    call = await tell(service)
    for number in range(60):
        call.say(f"line {number}", 10.0 * number)
    async with opened(f"{service.url}/#token={token}&call={call.sid}&t=200.0") as page:
        await expect(page.locator(".shown")).to_contain_text("line 20")
        await expect(page.locator(".shown")).to_be_in_viewport()
        await expect(page.locator(".jump")).to_be_visible()
        other = await tell(service)
        other.say("another call", 0.0)
        await page.evaluate(f"location.hash = 'token={token}&call={other.sid}'")
        await expect(page.locator(".call-panel")).to_have_count(2)
        await expect(page.locator(".said", has_text="another call")).to_be_in_viewport()
        assert page.url == f"{service.url}/#calls={call.sid},{other.sid}"
        await page.evaluate(f"location.hash = 'call={call.sid}&t=300.0'")
        await expect(page.locator(".said", has_text="line 30")).to_be_in_viewport()


async def test_results_that_follow_each_other_without_a_hole_are_told_by_their_words(
    service, token, tell
):
    """As Deepgram sends them: each side's results span all of its time, silence included."""
    call = await tell(service)

    def spans(text, track, start, end, words):
        body = interim(text, start, end - start)
        each = (words[1] - words[0]) / len(text.split())
        body["is_final"] = True
        body["channel"]["alternatives"][0]["words"] = [
            {
                "word": word,
                "punctuated_word": word,
                "start": words[0] + number * each,
                "end": words[0] + (number + 1) * each,
                "confidence": 0.9,
            }
            for number, word in enumerate(text.split())
        ]
        call.writer.put(Record("final", track, body))

    async with opened(f"{service.url}/#token={token}&call={call.sid}") as page:
        spans("The answer comes.", "outbound", 9.5, 14.5, (13.6, 14.4))
        spans("What is the question?", "inbound", 9.0, 13.4, (10.0, 13.0))
        spans("I go on", "inbound", 20.0, 23.0, (20.0, 22.9))
        spans("Mhm.", "outbound", 20.0, 24.0, (21.0, 21.4))
        spans("and on.", "inbound", 23.0, 26.0, (23.2, 24.0))
        await expect(turns(page)).to_have_count(4)
        await expect(page.locator(".said").nth(2)).to_have_text("I go on and on. ")
        assert await said(page) == [
            "What is the question?",
            "The answer comes.",
            "I go on and on.",
            "Mhm.",
        ]
        times = await turns(page).locator(".time").all_text_contents()
        assert times == ["00:10", "00:13", "00:20", "00:21"]


async def test_what_may_change_stays_in_its_place_while_the_other_side_speaks(service, token, tell):
    call = await tell(service)
    async with opened(f"{service.url}/#token={token}&call={call.sid}") as page:
        call.say("Hello.", 1.0)
        await expect(turns(page)).to_have_count(1)
        await page.evaluate(STOP_CLOCK)
        call.writer.interim("outbound", interim("I was about to", 10.0))
        await expect(page.locator(".interim")).to_be_visible()
        call.say("And I wanted to say", 12.0)
        await expect(turns(page)).to_have_count(2)
        shown = [" ".join(text.split()) for text in await page.locator(".said").all_text_contents()]
        assert shown == ["Hello.", "I was about to", "And I wanted to say"]
        await page.evaluate("window.passed = 10_001")  # and nobody confirms it
        await expect(page.locator(".interim")).to_have_count(0)


async def test_the_end_stays_in_sight_whatever_the_screen_does(service, token, tell):
    call = await tell(service)
    for number in range(60):
        call.say(
            f"line {number}, " + "which takes more than one line on the screen " * 6, 70.0 * number
        )
    async with opened(f"{service.url}/#token={token}&call={call.sid}") as page:
        await expect(turns(page)).to_have_count(60)
        for width, height in ((390, 844), (844, 390), (1280, 800), (400, 600)):
            await page.set_viewport_size({"width": width, "height": height})
            await expect(turns(page).last).to_be_in_viewport()
            await expect(page.locator(".jump")).to_be_hidden()
        call.say("and one more", 5000.0)
        await expect(turns(page)).to_have_count(61)
        await expect(turns(page).last).to_be_in_viewport()


async def test_what_is_final_is_added_once_for_those_who_listen(service, token, tell):
    call = await tell(service)
    call.say("The past.", 0.0)
    async with opened(f"{service.url}/#token={token}&call={call.sid}") as page:
        log = page.locator(".log")
        await expect(log).to_have_attribute("aria-live", "polite")
        await page.evaluate(
            "window.added = []; new MutationObserver(changes => { for (const change of changes)"
            " for (const node of change.addedNodes) if (!node.closest?.('[aria-hidden]'))"
            " window.added.push(node.textContent.trim()); })"
            ".observe(document.querySelector('.blocks'), {childList: true, subtree: true})"
        )
        call.say("goes on", 1.5)
        call.writer.interim("inbound", interim("and on", 3.0))
        await expect(page.locator(".interim")).to_be_visible()
        call.say("and on", 3.0)
        call.say("and on.", 4.5)
        await expect(page.locator(".said > span")).to_have_count(4)
        assert await page.evaluate("window.added") == ["goes on", "and on", "and on."]


async def test_a_call_that_ended_while_the_page_was_open_can_be_read_again(serve, token, tell):
    service = serve()
    call = await tell(service, from_=NUMBER, to=OTHER)
    call.say("It was nice.", 0.0)
    async with opened(f"{service.url}/#token={token}") as page:
        await expect(page.locator("#calls .last")).to_have_text("Caller: It was nice.")
        await call.end()
        await page.get_by_label("Ended").check()
        await page.locator("#ended .open").click()
        await expect(turns(page)).to_have_count(1)
        await expect(page.locator(".state")).to_have_text("ended")


async def test_a_number_that_is_followed_opens_its_next_call(serve, token, tell):
    service = serve()
    async with opened(f"{service.url}/#token={token}") as page:
        await page.fill("#search", NUMBER)
        await page.locator("#follow-number").click()
        call = await tell(service, from_=NUMBER)
        await expect(page.locator(".call-panel")).to_have_count(1)
        call.say("hello", 0.0)
        await expect(turns(page)).to_have_count(1)
        assert await said(page) == ["hello"]


async def test_the_keyboard_is_enough(serve, token, tell):
    service = serve()
    for number in range(2):
        call = await tell(service, from_=f"+1555000000{number}")
        call.say(f"call {number}", 0.0)
    async with opened(service.url) as page:
        await expect(page.locator("#token")).to_be_focused()
        await page.keyboard.type(token)
        await page.keyboard.press("Enter")
        await expect(page.locator("#calls .open")).to_have_count(2)
        await page.keyboard.press("Control+k")
        await page.keyboard.type("0 000 1")
        await expect(page.locator("#calls li")).to_have_count(1)
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        await expect(turns(page)).to_have_count(1)
        assert await said(page) == ["call 1"]
        await expect(page.locator(".log")).to_be_focused()
        await page.locator(".close").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator(".call-panel")).to_have_count(0)
        await expect(page.locator("#calls .open")).to_be_focused()


async def test_reading_back_does_not_jump_and_counts_what_is_new(service, token, tell):
    call = await tell(service)
    for number in range(60):
        call.say(f"line {number}", 10.0 * number)
    async with opened(f"{service.url}/#token={token}&call={call.sid}") as page:
        await expect(turns(page)).to_have_count(60)
        await expect(page.locator(".call-panel .state")).to_have_text("live")
        log = page.locator(".log")
        await log.evaluate("log => { log.scrollTop = 0; }")
        await expect(page.locator(".jump")).to_be_visible()
        await expect(page.locator(".jump")).to_have_text("Jump to live")
        call.say("new", 700.0)
        await expect(page.locator(".jump")).to_have_text("Jump to live (1 new)")
        assert await log.evaluate("log => log.scrollTop") == 0
        await page.locator(".jump").click()
        await expect(turns(page).last).to_be_in_viewport()
        await use_tool(page, "Find words")
        await page.keyboard.type("line 7")
        await expect(page.locator(".hits")).to_have_text("1 of 1")
        await expect(page.locator(".current")).to_be_in_viewport()


async def test_words_of_low_confidence_are_marked_on_request(service, token, tell):
    call = await tell(service)
    call.say("quite sure", 0.0)
    async with opened(f"{service.url}/#token={token}&call={call.sid}") as page:
        await expect(turns(page)).to_have_count(1)
        words = [
            {"word": "not", "punctuated_word": "Not", "start": 9, "end": 9.5, "confidence": 0.3},
            {"word": "so", "punctuated_word": "so.", "start": 9.5, "end": 10, "confidence": 0.9},
        ]
        alternative = {"transcript": "Not so.", "confidence": 0.6, "words": words}
        body = {"type": "Results", "start": 9.0, "duration": 1.0, "is_final": True}
        body |= {"speech_final": True, "channel": {"alternatives": [alternative]}}
        call.writer.put(Record("final", "inbound", body))
        await expect(turns(page)).to_have_count(2)
        doubt = page.locator(".doubt")
        await expect(doubt).to_have_css("text-decoration-line", "none")
        await mark_uncertain_words(page)
        await expect(doubt).to_have_text(["Not"])
        await expect(doubt).to_have_css("text-decoration-line", "underline")


async def test_a_call_that_was_stopped_and_goes_on_is_read_on(service, token, tell):
    call = await tell(service, from_=NUMBER, to=OTHER)
    call.say("您好。", 1.0)
    async with opened(f"{service.url}/#token={token}&call={call.sid}") as page:
        await expect(turns(page)).to_have_count(1)
        await call.end()
        state = page.locator(".call-panel .state")
        await expect(state).to_have_text("ended")
        again = await tell(service, from_=NUMBER, to=OTHER, again=call)
        await expect(state).to_have_text("live")
        again.put(type="Gap", start=2.0, end=3.0, track=None, reason="paused")
        await expect(page.locator(".gap")).to_contain_text("was paused")
        again.say("请问", 3.0)
        again.say("再见", 4.0)
        await expect(turns(page)).to_have_count(2)
        await expect(turns(page).nth(1).locator(".said")).to_have_text("请问再见")


def test_the_page_allows_nothing_but_its_own_files(service):
    answer = httpx.get(service.url, trust_env=False)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "<script>" not in answer.text
    assert httpx.get(f"{service.url}/..%2fconfig.py", trust_env=False).status_code == 404
    assert httpx.get(f"{service.url}/config.py", trust_env=False).status_code == 404


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nothing_that_axe_finds_keeps_anybody_out(serve, token, tell, scheme):
    """The door, the list, and a call with all that may stand in it; in both colour schemes."""
    service = serve()
    call = await tell(
        service,
        from_=NUMBER,
        to=OTHER,
        caller_name="Ana",
        metadata={f"key {number}": "value " * 9 for number in range(20)},
    )
    call.say("Good morning.", 1.0)
    call.say("Who is there?", 3.0, "outbound")
    call.put(type="Gap", start=5.0, end=9.0, track=None, reason="owner-lost")
    call.put(type="Recogniser", state="down", reason="HTTP 503")
    async with opened(service.url, color_scheme=scheme) as page:
        await expect(page.locator("#sign-in")).to_be_visible()
        found = [("door", await Axe().run(page))]
        await page.fill("#token", token)
        await page.keyboard.press("Enter")
        await page.locator("#calls .open").click()
        await expect(page.locator(".gap")).to_be_visible()
        call.writer.interim("inbound", interim("It is", 11.0))
        await expect(page.locator(".interim")).to_be_visible()
        await mark_uncertain_words(page)
        await page.locator(".log").focus()
        await page.keyboard.press("s")
        await page.keyboard.type("who")
        found.append(("call", await Axe().run(page)))
        await page.locator(".open-menu").click()
        await expect(page.locator(".menu")).to_be_visible()
        found.append(("menu", await Axe().run(page)))
        await page.keyboard.press("Escape")
        await page.set_viewport_size({"width": 390, "height": 844})
        found.append(("phone", await Axe().run(page)))
        # Everything fits: nothing has to be scrolled sideways, at 200 % neither.
        for width in (390, 640, 1280):
            await page.set_viewport_size({"width": width, "height": 800})
            wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, width
    for state, results in found:
        broken = [f"{state}: {one['id']}: {one['help']}" for one in results.response["violations"]]
        assert broken == []


async def test_a_call_that_is_chosen_while_it_speaks_has_its_past(serve, token, tell):
    """What the list was still being sent of the call hides nothing of it."""
    service = serve()
    call = await tell(service)
    async with opened(f"{service.url}/#token={token}") as page:
        row = page.locator("#calls .open")
        await expect(row).to_be_visible()
        chosen = asyncio.Event()
        said_lines = 0

        async def speak():
            nonlocal said_lines
            while not chosen.is_set() or said_lines < 300:
                call.say(f"line {said_lines}", 10.0 * said_lines)
                said_lines += 1
                await asyncio.sleep(0.002)

        speaking = asyncio.create_task(speak())
        await expect(page.locator("#calls .last")).to_contain_text("line")
        await row.click()
        chosen.set()
        await speaking
        await expect(turns(page)).to_have_count(said_lines)
        assert await said(page) == [f"line {number}" for number in range(said_lines)]


async def test_words_are_found_across_parts_and_in_what_comes(service, token, tell):
    call = await tell(service)
    call.say("Tomorrow evening,", 0.0)
    call.say("about eight. (Eight!)", 1.5)
    async with opened(f"{service.url}/#token={token}&call={call.sid}") as page:
        await expect(page.locator(".said > span")).to_have_count(2)
        marked = "Array.from(CSS.highlights.get('found'), range => { const r = new Range();"
        marked += "r.setStart(range.startContainer, range.startOffset);"
        marked += "r.setEnd(range.endContainer, range.endOffset); return r.toString(); })"
        await use_tool(page, "Find words")
        await page.fill(".find", "evening, ABOUT")
        await expect(page.locator(".hits")).to_have_text("1 of 1")
        assert await page.evaluate(marked) == ["evening, about"]
        await page.fill(".find", "eight")
        await expect(page.locator(".hits")).to_have_text("1 of 2")
        await page.keyboard.press("Enter")
        await expect(page.locator(".hits")).to_have_text("2 of 2")
        call.say("Eight it is", 20.0)
        await expect(page.locator(".hits")).to_have_text("2 of 3")
        await mark_uncertain_words(page)
        assert await page.evaluate(marked) == ["eight", "Eight", "Eight"]
        await page.fill(".find", "?")  # no word
        await expect(page.locator(".hits")).to_have_text("None found")
        await page.fill(".find", "IGH")  # within a word
        await expect(page.locator(".hits")).to_have_text("1 of 3")
        await page.fill(
            ".find", "Évening about"
        )  # as it is found in all calls: however it is spelled
        await expect(page.locator(".hits")).to_have_text("1 of 1")
        assert await page.evaluate(marked) == ["evening, about"]
        await page.keyboard.press("Escape")
        await expect(page.locator(".find")).to_be_hidden()
        assert await page.evaluate(marked) == []


@pytest.mark.proof
async def test_a_long_call_stays_light(rounds, serve, token, tell):
    """Hours of a call: what it costs the browser to show, to add a line, and to scroll."""
    records = len(rounds(sample=500, full=10_000))
    service = serve()
    call = await tell(service)
    for number in range(records):
        track = "inbound" if number % 2 else "outbound"
        call.say(f"This is line {number} of a call of some hours.", 1.5 * number, track)
        await until(lambda: call.writer.depth <= 100, LOOK / 10)
    async with opened(service.url) as page:
        devtools = await page.context.new_cdp_session(page)
        await devtools.send("Performance.enable")

        async def costs() -> dict[str, float]:
            metrics = (await devtools.send("Performance.getMetrics"))["metrics"]
            return {metric["name"]: metric["value"] for metric in metrics}

        await page.goto(f"{service.url}/?#token={token}&call={call.sid}")
        await expect(turns(page)).to_have_count(records)
        shown = await costs()
        for number in range(20):
            call.say(f"one more {number}", 1.5 * records + 10 * (number + 1), "inbound")
        await expect(turns(page)).to_have_count(records + 20)
        added = await costs()
        for part in range(20):
            await page.locator(".log").evaluate(
                "(log, part) => new Promise(done => {"
                "log.scrollTop = log.scrollHeight * part / 20; requestAnimationFrame(done); })",
                part,
            )
        scrolled = await costs()
        await devtools.send("HeapProfiler.enable")
        await devtools.send("HeapProfiler.collectGarbage")
        heap = (await costs())["JSHeapUsedSize"] / 1e6
        whole = await page.context.browser.new_browser_cdp_session()
        processes = (await whole.send("SystemInfo.getProcessInfo"))["processInfo"]
        process = max(resident_mb(one["id"]) for one in processes if one["type"] == "renderer")
    work = ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration")
    first = [shown[name] for name in work]
    more = [
        sum(b[n] - a[n] for n in work) / 20 * 1000 for a, b in ((shown, added), (added, scrolled))
    ]
    print(
        f"{records} records: script {first[0]:.2f} s, layout {first[1]:.2f} s, style "
        f"{first[2]:.2f} s; a line more {more[0]:.1f} ms, a leap of the scroll {more[1]:.1f} ms; "
        f"{heap:.1f} MB of heap, {process:.0f} MB the browser's process"
    )
    assert heap < 10 + 0.002 * records
