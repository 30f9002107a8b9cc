"""Words on the page, in a real browser: found in all calls, waited for, told beside the page."""

import json

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect
from support.cable import Cable
from support.page import needs_chromium, opened, shares_browser, turns
from support.timing import patience, until

pytestmark = [needs_chromium, shares_browser]

# What a highlight marks.
MARKED = """name => Array.from(CSS.highlights.get(name) ?? [], range => {
    const r = new Range();
    r.setStart(range.startContainer, range.startOffset);
    r.setEnd(range.endContainer, range.endOffset);
    return r.toString();
})"""
# Every notification of the page is a real one; it is seen as it is made and as it is closed.
OBSERVED = """window.notifications = [];
window.Notification = class extends Notification {
    constructor(title, options) {
        super(title, options);
        this.about = {title, body: options.body, silent: options.silent, isOpen: true};
        window.notifications.push(this.about);
    }
    close() {
        super.close();
        this.about.isOpen = false;
    }
};"""


@pytest.fixture(scope="module")
def service(serve_many):
    """Run one for the tests that ask for a call, and look at nothing but that."""
    return serve_many()


def interim(text: str, start: float, duration: float = 1.0) -> dict:
    alternative = {"transcript": text, "confidence": 0.5, "words": []}
    body = {"type": "Results", "start": start, "duration": duration, "is_final": False}
    return {**body, "speech_final": False, "channel": {"alternatives": [alternative]}}


async def wait_for(page, *words):
    """Have the page wait for words, by the keyboard alone."""
    await expect(page.locator("#watch-words")).to_be_visible()
    await page.locator("#watch-words").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Word or phrase")).to_be_focused()
    for word in words:
        await page.keyboard.type(word)
        await page.keyboard.press("Enter")
    await expect(page.locator("#watch-dialog li")).to_have_count(len(words))
    await page.keyboard.press("Escape")
    await expect(page.locator("#watch-words")).to_be_focused()


async def becomes(page, expression: str):
    """Wait until something has become true in the page, looked at with each of its frames."""
    async with patience():
        await page.evaluate(
            "new Promise(done => { const look = () =>"
            f"({expression}) ? done() : requestAnimationFrame(look); look(); }})"
        )


async def marks(page, *expected: str):
    words = json.dumps(sorted(expected), separators=(",", ":"))
    await becomes(page, f"JSON.stringify(({MARKED})('watched').sort()) === '{words}'")


async def test_a_watched_word_is_marked_in_what_may_still_change_and_not_once_it_is_taken_back(
    service, token, tell
):
    call = await tell(service)
    call.say("It was said before: lawyer.", 0.0)
    async with opened(f"{service.url}/#token={token}&call={call.sid}") as page:
        await expect(turns(page)).to_have_count(1)
        await wait_for(page, "lawyer", "cancel my order")
        await marks(page, "lawyer")
        call.writer.interim("inbound", interim("I call my", 5.0))
        await expect(page.locator(".interim")).to_have_text("I call my")
        call.writer.interim("inbound", interim("I call my Lawyer", 5.0))
        await marks(page, "lawyer", "Lawyer")
        call.writer.interim("inbound", interim("I call my lower", 5.0))
        await marks(page, "lawyer")
        call.say("I cancel", 6.0)
        call.say("my order.", 7.2)
        await marks(page, "lawyer", "cancel my order")
        await page.goto(f"{service.url}/?#token={token}&call={call.sid}")
        await marks(page, "lawyer", "cancel my order")
        await expect(page.locator("#watch-words")).to_have_text("Watch words (2)")


# Each look at the clock finds it 20 ms later: of a long past one turn is looked through in a frame.
# And frames come by hand alone, however busy the browser is; no time passes meanwhile, after which
# what may still change is forgotten.
SLOW = """() => {
    let steady = performance.now();
    performance.now = () => steady += 20;
    const now = Date.now();
    Date.now = () => now;
    window.queue = [];
    window.requestAnimationFrame = (draw) => window.queue.push(draw);
}"""
MANY, SOON = 400, 40  # turns, frames
# In how many frames what is said is marked; the past is not looked through by then. A frame that
# nobody has asked for is none.
FRAMES_UNTIL = """async text => {
    for (let frames = 1; ; ) {
        if (MARKED("watched").includes(text)) return frames;
        if (window.queue.length) frames += 1;
        for (const draw of window.queue.splice(0)) draw(document.timeline.currentTime);
        await new Promise(done => setTimeout(done));
    }
}""".replace("MARKED", f"({MARKED})")


async def frames_until(page, text: str) -> int:
    async with patience():
        return await page.evaluate(FRAMES_UNTIL, text)


async def test_what_is_said_now_is_marked_before_what_was_said(service, token, tell):
    call = await tell(service)
    for line in range(MANY):
        call.say(
            f"Line {line}, of no lawyer.", 10.0 * line, track=("inbound", "outbound")[line % 2]
        )
    async with opened(f"{service.url}/#token={token}&call={call.sid}") as page:
        await expect(turns(page)).to_have_count(MANY)
        await page.locator("#watch-words").click()
        await page.evaluate(SLOW)
        await page.locator("#watch-word").fill("lawyer")
        call.writer.interim("inbound", interim("Call the LAWYER", 9_000.0))
        await expect(page.locator(".interim")).to_have_text("Call the LAWYER")
        await page.keyboard.press("Enter")
        assert await frames_until(page, "LAWYER") < SOON
        call.writer.interim("inbound", interim("Call my own Lawyer", 9_000.0))
        await expect(page.locator(".interim")).to_have_text("Call my own Lawyer")
        assert await frames_until(page, "Lawyer") < SOON
        # What is marked is looked at first when others are waited for; then the latest of a call.
        await page.locator("#watch-word").fill("own")
        await page.keyboard.press("Enter")
        assert await frames_until(page, "own") < 2 * SOON
        await page.locator("#watch-word").fill(f"line {MANY - 2}")
        await page.keyboard.press("Enter")
        assert await frames_until(page, f"Line {MANY - 2}") < 3 * SOON
        assert len(await page.evaluate(MARKED, "watched")) < MANY / 2


# The past of a call is told no more from now on: nobody gets to the end of the first two.
HELD = """() => {
    const send = WebSocket.prototype.send;
    WebSocket.prototype.send = function (text) {
        if (JSON.parse(text).since !== 0) send.call(this, text);
    };
}"""


async def test_what_is_said_now_is_marked_while_the_past_of_others_is_read(serve, token, tell):
    """Two at a time are told again: of those nothing of now comes meanwhile."""
    service = serve()
    calls = [await tell(service, from_=f"+155500040{number:02}") for number in range(6)]
    for call in calls:
        call.say("It was said before: cancel.", 1.0)
    async with opened(f"{service.url}/#token={token}") as page:
        await expect(page.locator("#calls li .last", has_text="cancel")).to_have_count(6)
        await page.evaluate(HELD)
        await wait_for(page, "lawyer", "cancel")
        marked = page.locator("#calls .marked")
        for call in calls:
            call.writer.interim("inbound", interim("Call my lawyer", 5.0))
        await expect(marked.filter(has_text="lawyer")).to_have_count(4)
        for call in calls:
            call.say("Call my lower.", 5.0)
        await expect(marked.filter(has_text="lawyer")).to_have_count(0)
        for call in calls:
            call.say("And cancel", 9.0)
        await expect(marked.filter(has_text="cancel")).to_have_count(4)
        # It stays as others are waited for, and what goes on with it is heard so.
        await page.locator("#watch-words").click()
        await page.locator("#watch-word").fill("cancel it")
        await page.keyboard.press("Enter")
        await page.keyboard.press("Escape")
        await expect(marked.filter(has_text="cancel")).to_have_count(4)
        for call in calls:
            call.say("it now.", 9.8)
        await expect(marked.filter(has_text="cancel +1")).to_have_count(4)


async def test_who_allowed_it_is_told_once_of_a_word_that_is_said_now(service, token, tell):
    """By notifications without a sound: not of the past, and no longer once it is taken back."""
    call = await tell(service, from_="+15550001111", caller_name="Ana")
    call.say("A lawyer, before.", 0.0)
    async with opened(service.url) as page:
        await page.add_init_script(OBSERVED)
        await page.goto(f"{service.url}/?#token={token}&call={call.sid}")
        await expect(turns(page)).to_have_count(1)
        await wait_for(page, "lawyer", "cancel")
        await page.context.clear_permissions()
        assert await page.evaluate("Notification.permission") != "granted"  # nobody was asked
        await page.context.grant_permissions(["notifications"])
        await page.locator("#watch-words").click()
        await page.get_by_role("switch").check()
        await expect(page.get_by_role("switch")).to_be_checked()
        await page.locator("#watch-dialog .done").click()
        assert await page.evaluate("window.notifications") == []
        call.writer.interim("inbound", interim("I want to cancel", 5.0))
        told = "window.notifications.filter(({isOpen}) => isOpen).length"
        await becomes(page, f"{told} === 1")
        call.writer.interim("inbound", interim("I want to council", 5.0))
        await becomes(page, f"{told} === 0")
        call.say("My lawyer said", 6.0)
        call.say("the lawyer said", 8.0)
        await becomes(page, f"{told} === 1")
        call.say("I cancel it", 10.0)
        await becomes(page, f"{told} === 2")
        about = [one["title"] for one in await page.evaluate("window.notifications")]
        who = "Ana +15550001111 →\u00a0unknown"
        assert about == [f"cancel · {who}", f"lawyer · {who}", f"cancel · {who}"]
        assert all(one["silent"] for one in await page.evaluate("window.notifications"))


async def test_a_word_that_is_said_as_its_call_is_opened_or_goes_on_is_told_too(serve, mint, tell):
    service = serve(PAUSE_SECONDS="0.5")
    call, other = await tell(service), await tell(service)
    call.say("before", 0.0)
    async with Cable(service.port) as cable, opened(service.url) as page:
        came: list[str] = []
        page.on(
            "websocket", lambda ws: ws.on("framereceived", lambda frame: came.append(f"{frame}"))
        )
        await page.add_init_script(OBSERVED)
        await page.context.grant_permissions(["notifications"])
        token = mint(calls=[call.sid, other.sid])
        await page.goto(f"http://127.0.0.1:{cable.port}/#token={token}&call={other.sid}")
        await wait_for(page, "cancel", "refund")
        await page.locator("#watch-words").click()
        await page.get_by_role("switch").check()
        await page.locator("#watch-dialog .done").click()
        row = page.locator(f"#calls li[data-call-sid='{call.sid}']")
        await expect(row.locator(".last")).to_contain_text("before")
        cable.swallow()  # for a moment
        await row.locator(".open").click()
        await expect(page.locator(".call-panel")).to_have_count(2)
        call.say("I cancel it", 10.0)
        cable.mend()
        await expect(turns(page.locator(".call-panel").last)).to_have_count(2)
        await becomes(page, "window.notifications.length === 1")
        await call.end()
        await until(lambda: any('"Over"' in frame for frame in came))
        again = await tell(service, again=call)
        again.say("They refund it", 30.0)
        await becomes(page, "window.notifications.length === 2")


async def test_words_that_another_tab_is_the_first_to_wait_for_are_heard_in_each(
    service, token, tell
):
    call = await tell(service)
    call.say("I want my lawyer.", 0.0)
    link = f"{service.url}/#token={token}&call={call.sid}"
    async with opened(link) as page:
        await expect(turns(page)).to_have_count(1)
        await expect(page.locator("#watch-words")).to_have_text("Watch words")
        other = await page.context.new_page()
        await other.goto(link)
        await wait_for(other, "lawyer")
        await expect(page.locator("#watch-words")).to_have_text("Watch words (1)")
        await marks(page, "lawyer")


async def test_that_the_browser_denies_it_is_told(service, token):
    async with opened(f"{service.url}/#token={token}") as page:
        devtools = await page.context.new_cdp_session(page)
        target = (await devtools.send("Target.getTargetInfo"))["targetInfo"]
        browser = await page.context.browser.new_browser_cdp_session()
        await browser.send(
            "Browser.setPermission",
            {
                "permission": {"name": "notifications"},
                "setting": "denied",
                "browserContextId": target["browserContextId"],
            },
        )
        await page.locator("#watch-words").click()
        await expect(page.locator(".denied")).to_contain_text("does not let this page notify")
        await page.get_by_role("switch").click()
        await expect(page.get_by_role("switch")).not_to_be_checked()


async def test_words_are_found_in_thirty_calls_and_open_at_their_place(serve, token, tell):
    service = serve()
    calls = [await tell(service, from_=f"+155500020{number:02}") for number in range(30)]
    for number, call in enumerate(calls):
        for line in range(40):
            call.say(f"This is line {line} of call {number}.", 10.0 * line)
        if number % 10 == 3:
            call.say("There is an Outage in our street.", 400.0)
            call.say("I see.", 420.0, "outbound")
    async with opened(f"{service.url}/#token={token}") as page:
        await page.locator("#search").fill("outag")
        found = page.locator("#found-part button")
        await expect(found).to_have_count(3)
        await expect(page.locator("#found-part .hint")).to_have_text("Found in 3 of 30 calls.")
        await expect(found.first.locator(".context")).to_have_text(
            "There is an Outage in our street."
        )
        await expect(found.first.locator(".where")).to_have_text("06:40 Caller")
        calls[7].say("What outage?", 400.0, "outbound")
        await expect(found).to_have_count(4)
        results = await Axe().run(page)
        assert [one["id"] for one in results.response["violations"]] == []
        await page.get_by_role("button", name="+15550002023").filter(has_text="Outage").click()
        await expect(page.locator(".shown")).to_contain_text("Outage")
        await expect(page.locator(".shown")).to_be_in_viewport()
        await page.fill("#search", "outage")
        await expect(found).to_have_count(4)
        # Escape searches for nothing any more: at once, as typing does.
        await page.focus("#search")
        is_hidden = await page.evaluate(AFTER_ESCAPE)
        assert is_hidden


async def test_an_open_call_is_not_told_again_for_its_words_and_gone_on_with_once_it_is_closed(
    serve, token, tell
):
    """While a past is told again nothing of now comes."""
    service = serve()
    open_one, other = [await tell(service, from_=f"+155500030{number:02}") for number in range(2)]
    for line in range(40):
        open_one.say(f"This is line {line}.", 10.0 * line)
    open_one.say("My lawyer said so.", 400.0)
    other.say("A lawyer.", 1.0)
    async with opened(f"{service.url}/#token={token}&call={open_one.sid}") as page:
        await expect(turns(page)).to_have_count(41)
        await page.evaluate(ASKED)
        await wait_for(page, "lawyer", "cancel")
        marked = page.locator("#calls .marked", has_text="lawyer")
        await expect(marked).to_have_count(2)
        assert open_one.sid not in [sid for sid, _ in await page.evaluate("asked")]
        open_one.writer.interim("inbound", interim("I cancel", 405.0))
        await marks(page, "lawyer", "cancel")
        open_one.say("I cancel it.", 405.0)
        await page.locator(".call-panel .close").click()
        await expect(page.locator(".call-panel")).to_have_count(0)
        row = page.locator("#calls li", has_text="+15550003000")
        await expect(row.locator(".marked")).to_contain_text("cancel")
        open_one.say("We want an outage.", 410.0)
        await page.locator("#search").fill("line 39")
        await expect(page.locator("#found-part .hint")).to_have_text("Found in 1 of 2 calls.")
        await page.locator("#search").fill("outage")
        await expect(page.locator("#found-part .hint")).to_have_text("Found in 1 of 2 calls.")
        # Of what was said before the list's few records alone were told once more.
        asked = await page.evaluate("asked")
        assert min(since for sid, since in asked if sid == open_one.sid) >= 38, asked
        await page.locator("#found-part button").click()
        await expect(turns(page)).to_have_count(43)
        await page.locator("#search").fill("I cancel it")
        await expect(page.locator("#found-part .hint")).to_have_text("Found in 1 of 2 calls.")


# What is asked of the service from now on.
ASKED = """() => {
    window.asked = [];
    const send = WebSocket.prototype.send;
    WebSocket.prototype.send = function (text) {
        const command = JSON.parse(text);
        if (command.subscribe) window.asked.push([command.subscribe, command.since]);
        send.call(this, text);
    };
}"""


AFTER_ESCAPE = """new Promise((told) => {
    const key = { key: "Escape", code: "Escape", bubbles: true, cancelable: true };
    document.activeElement.dispatchEvent(new KeyboardEvent("keydown", key));
    const frame = () => new Promise(requestAnimationFrame);
    frame().then(frame).then(() => told(document.getElementById("found-part").hidden));
})"""


async def test_enter_opens_the_first_call_that_said_it_once_that_is_found(serve, token, tell):
    """And says one thing of what fits: nobody is told that none does beside those that said it."""
    service = serve()
    calls = [await tell(service, from_=f"+155500020{number:02}") for number in range(3)]
    for call in calls[:2]:
        call.say("There is an outage.", 5.0)
    async with opened(f"{service.url}/#token={token}") as page:
        await expect(page.locator("#calls li")).to_have_count(3)
        notice = page.locator("#no-calls")
        # Whatever is said there while somebody types is noted.
        await notice.evaluate(
            """one => {
                window.told = [];
                const seen = new MutationObserver(() => window.told.push(one.textContent));
                seen.observe(one, {childList: true, characterData: true, subtree: true});
            }"""
        )
        await page.keyboard.press("/")
        await page.keyboard.type("outage")
        await page.keyboard.press("Enter")  # nothing is read yet
        await expect(page.locator(".call-panel .log")).to_be_focused()
        await expect(page.locator(".shown")).to_contain_text("outage")
        await expect(page.locator(".call-panel .title")).to_contain_text("+15550002001")
        await expect(page.locator("#found-part .hint")).to_have_text("Found in 2 of 3 calls.")
        await expect(notice).to_be_empty()
        told = await page.evaluate("window.told.filter(Boolean)")
        assert "None of the live calls fits." not in told
        await page.locator("#search").fill("+1 999 000 1111")  # no word
        await expect(notice).to_have_text("None of the live calls fits.")


async def test_a_list_with_what_was_found_below_is_as_roomy_as_there_is_room(serve, token, tell):
    service = serve()
    said = await tell(service, from_="+15550002001")
    said.say("I am Ana.", 5.0)
    await tell(service, from_="+15550003001", caller_name="Ana")
    async with opened(f"{service.url}/#token={token}") as page:
        rows = page.locator("#calls li")
        await expect(rows).to_have_count(2)
        await page.fill("#search", "ana")
        await expect(page.locator("#found-part button")).to_have_count(1)
        await expect(rows).to_have_count(1)
        await tell(service, from_="+15550003002", caller_name="Ana")
        await expect(rows).to_have_count(2)
        await expect(page.get_by_label("Compact")).not_to_be_checked()


async def test_the_arrows_walk_the_calls_that_fit_and_then_those_that_said_it(serve, token, tell):
    service = serve()
    for at in range(2):
        await tell(service, from_=f"+155500030{at:02}", caller_name="Ana")
    said = [await tell(service, from_=f"+155500020{at:02}") for at in range(3)]
    for call in said:
        call.say("I am Ana.", 5.0)
    async with opened(f"{service.url}/#token={token}") as page:
        await expect(page.locator("#calls li")).to_have_count(5)
        await page.keyboard.press("/")
        await page.keyboard.type("ana")
        found = page.locator("#found-part button")
        await expect(found).to_have_count(3)
        await expect(page.locator("#calls li")).to_have_count(2)
        shown = [await one.bounding_box() for one in await page.locator("#calls li").all()]
        shown += [await one.bounding_box() for one in await found.all()]
        tops = [one["y"] for one in shown]
        assert tops == sorted(tops)  # it is walked as it stands
        down = [page.locator('#calls li[aria-posinset="1"] .open')]
        down += [page.locator('#calls li[aria-posinset="2"] .open')]
        down += [found.nth(at) for at in range(3)]
        for row in down:
            await page.keyboard.press("ArrowDown")
            await expect(row).to_be_focused()
        await page.keyboard.press("ArrowDown")
        await expect(found.nth(2)).to_be_focused()
        for row in down[-2::-1]:
            await page.keyboard.press("ArrowUp")
            await expect(row).to_be_focused()
        await page.keyboard.press("ArrowUp")
        await expect(page.locator("#search")).to_be_focused()
        await page.keyboard.press("Control+a")
        await page.keyboard.type("i am ana")  # nobody is called so
        await expect(found).to_have_count(3)
        await expect(page.locator("#calls li")).to_have_count(0)
        await page.keyboard.press("ArrowDown")
        await expect(found.first).to_be_focused()
        await page.keyboard.press("End")
        await expect(found.last).to_be_focused()
        await page.keyboard.press("Home")
        await expect(found.first).to_be_focused()
        await page.keyboard.press("p")
        results = await Axe().run(page)
        assert [one["id"] for one in results.response["violations"]] == []
        await page.keyboard.press("ArrowUp")
        await expect(page.locator("#search")).to_be_focused()
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Escape")
        await expect(page.locator("#search")).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(page.locator("#search")).to_have_value("")
        top = page.locator('#calls li[aria-posinset="1"]')
        await expect(top.locator(".pin")).to_have_attribute("aria-pressed", "true")
        await expect(top.locator(".from")).to_have_text("+15550002002")


async def test_the_words_that_are_waited_for_are_changed_by_the_keyboard(service, token):
    async with opened(f"{service.url}/#token={token}") as page:
        await wait_for(page, "Kündigung", "取消")
        await page.keyboard.press("Enter")
        await expect(page.get_by_label("Word or phrase")).to_be_focused()
        await page.keyboard.type("KÜNDIGUNG")
        await page.keyboard.press("Enter")
        await expect(page.locator("#watch-dialog .problem")).to_have_text("It is in the list.")
        results = await Axe().run(page)
        assert [one["id"] for one in results.response["violations"]] == []
        await page.get_by_role("button", name="Wait for “取消” no longer").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#watch-dialog li")).to_have_count(1)
        await expect(page.locator("#watch-dialog [type=text]")).to_be_focused()


async def test_who_speaks_and_who_does_over_the_other_is_seen_at_a_glance(service, token, tell):
    """Told from the times of the words, on the call's clock; of a call that is over nothing is."""
    call = await tell(service, from_="+15550001111", caller_name="Ana")
    call.say("Hello.", 0.0)
    async with opened(f"{service.url}/#token={token}&call={call.sid}") as page:
        await expect(turns(page)).to_have_count(1)
        signal = page.locator(".call-panel .signal")
        call.writer.interim("inbound", interim("I do not understand", 2.0, 30.0))
        await expect(signal).to_have_text("Ana speaks")
        call.writer.interim("outbound", interim("But you said", 2.0, 30.0))
        await expect(signal).to_have_text("Both speak")
        await call.end()
        await expect(signal).to_have_text("")
