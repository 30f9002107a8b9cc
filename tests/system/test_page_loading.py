"""The page in a real browser, when what it loads once it is wanted cannot be had for a while."""

import asyncio
import json
import re
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import expect
from support.page import needs_chromium, opened, shares_browser, turns
from support.timing import until

pytestmark = [needs_chromium, shares_browser]
TOLD = re.compile("Not loaded")
# The connection is lost for a moment: once it is there again, so is the service.
RECONNECT = "dispatchEvent(new Event('offline'))"
AGAIN = 30_000  # ms: so soon the page tries again by itself


@pytest.fixture(scope="module")
def service(serve_many):
    return serve_many()


@asynccontextmanager
async def lacking(name: str, url: str):
    """Open the page without a file of it; gives it, and the addresses that were asked for."""
    async with opened("about:blank") as page:
        asked: list[str] = []

        async def refuse(route):
            asked.append(route.request.url)
            await route.abort()

        await page.route(f"**/{name}*", refuse)
        await page.goto(url)
        await expect(page.locator("body")).to_have_attribute("data-connection", "live")
        yield page, asked
        await page.unroute_all()


async def come_back(page) -> None:
    """Have the service answer again."""
    await page.unroute_all()
    await page.evaluate(RECONNECT)


async def test_watched_words_are_heard_once_what_listens_can_be_loaded(service, token, tell):
    call = await tell(service)
    call.say("I want my lawyer.", 0.0)
    await call.stored()
    async with lacking("words/listening.js", f"{service.url}/#token={token}") as (page, asked):
        await page.evaluate("localStorage.setItem('partyline.watch-words', '[\"lawyer\"]')")
        await page.reload()
        notice = page.locator("#notices-text")
        await expect(notice).to_have_text(TOLD)
        # Each time under another address: a browser may keep what failed.
        await until(lambda: len(asked) >= 2)
        assert len({*asked}) == len(asked)
        await expect(page.locator("#watch-words")).to_have_text("Watch words (not heard yet)")
        row = page.locator("#calls .open", has_text="I want my lawyer.")
        await expect(row.locator(".marked")).to_be_empty()
        async with page.expect_response("**/words/listening.js?*") as answered:
            await come_back(page)
        assert (await answered.value).ok
        await expect(page.locator("#watch-words")).to_have_text("Watch words (1)")
        await expect(row.locator(".marked")).to_contain_text("lawyer")
        await expect(notice).to_be_empty()  # it is no longer so


async def test_who_types_on_while_the_words_come_opens_nothing(service, token, tell):
    call = await tell(service)
    call.say("The first zebra, and a giraffe.", 0.0)
    await call.stored()
    async with lacking("words/listening.js", f"{service.url}/#token={token}") as (page, _):
        opening: list[str] = []
        page.on("request", lambda one: opening.append(one.url) if "call_opener" in one.url else 0)
        await page.fill("#search", "zebra")
        await expect(page.locator("#no-calls")).to_be_empty()
        await page.press("#search", "Enter")
        await expect(page.locator("#notices-text")).to_have_text(TOLD)
        await page.fill("#search", "giraffe")
        await come_back(page)
        await expect(page.locator("#found-part button")).to_have_count(1)
        # What is found is opened as it is drawn.
        await page.evaluate("fetch('.')")
        assert opening == []
        await page.press("#search", "Enter")
        await expect(turns(page)).to_have_count(1)


async def test_a_call_that_was_chosen_opens_once_what_shows_it_can_be_loaded(service, token, tell):
    call = await tell(service, from_="+15550007001")
    call.say("At last.", 0.0)
    await call.stored()
    async with lacking("desk/call_opener.js", f"{service.url}/#token={token}") as (page, asked):
        await page.clock.install()
        row = page.locator("#calls .open", has_text="7001")
        await row.click()
        await expect(page.locator("#notices-text")).to_have_text(TOLD)
        # What is put away is told again to whoever asks again, and not before.
        await page.click("#notices-away")
        before = len(asked)
        await page.evaluate(RECONNECT)
        await until(lambda: len(asked) > before)
        await page.clock.fast_forward(AGAIN)
        await until(lambda: len(asked) > before + 1)  # twice, before anybody is told
        await expect(page.locator("body")).to_have_attribute("data-connection", "live")
        await page.evaluate("fetch('.')")  # what has failed has been told of
        await expect(page.locator("#notices-text")).to_be_empty()
        await row.click()
        await expect(page.locator("#notices-text")).to_have_text(TOLD)
        await expect(turns(page)).to_have_count(0)
        await come_back(page)
        await expect(page.locator(".said")).to_have_text("At last. ")


async def test_a_call_of_a_followed_number_is_asked_for_once_however_much_it_says(
    service, token, tell
):
    number = "+15550006001"
    async with lacking("desk/call_opener.js", f"{service.url}/#token={token}") as (page, asked):
        await page.fill("#search", number)
        await page.click("#follow-number")
        call = await tell(service, to=number)
        await expect(page.locator("#notices-text")).to_have_text(TOLD)
        await page.click("#notices-away")
        before = len(asked)
        for at in range(20):
            call.say(f"line {at}", 10.0 * at)
        await expect(page.locator("#calls .open").first).to_contain_text("line 19")
        await expect(page.locator("#notices-text")).to_be_empty()
        assert len(asked) == before
        await come_back(page)
        await expect(turns(page)).to_have_count(20)
        await expect(page.locator("#notices-text")).to_contain_text("Opened by itself")


async def test_a_search_shows_no_call_as_fitting_until_it_is_known_which_do(service, token, tell):
    for number in ("+15550008001", "+15550008002"):
        await tell(service, from_=number)
    async with lacking("list/matching.js", f"{service.url}/#token={token}") as (page, _):
        rows = page.locator("#calls .open")
        await expect(rows.filter(has_text="555000800")).to_have_count(2)
        await page.fill("#search", "8002")
        await expect(page.locator("#notices-text")).to_have_text(TOLD)
        await expect(rows).to_have_count(0)
        await expect(page.locator("#no-calls")).to_have_text("Looking …")
        await tell(service, from_="+15550008003")  # the list has changed
        await expect(page.locator(".states .count").first).not_to_have_text("2")
        await expect(rows).to_have_count(0)
        await come_back(page)
        await expect(rows).to_have_count(1)
        await expect(rows).to_contain_text("8002")


async def test_calls_that_are_over_come_once_their_list_can_be_loaded(service, token, tell):
    call = await tell(service, from_="+15550009001")
    await call.end()
    async with lacking("list/over_list.js", f"{service.url}/#token={token}") as (page, _):
        await page.locator(".states label", has_text="Ended").click()
        await expect(page.locator("#notices-text")).to_have_text(TOLD)
        await come_back(page)
        await expect(page.locator("#ended")).to_contain_text("9001")


@pytest.mark.parametrize("missing", ["help/help_sheet.js", "help.css"])
async def test_the_help_sheet_comes_whole_or_not_at_all(service, token, missing):
    async with lacking(missing, f"{service.url}/#token={token}") as (page, _):
        await page.click("#help")
        await expect(page.locator("#notices-text")).to_have_text(TOLD)
        await expect(page.locator(".help")).to_have_count(0)
        await come_back(page)
        await expect(page.locator(".help")).to_be_visible()
        width = await page.locator(".help kbd").first.evaluate(
            "one => getComputedStyle(one).borderTopWidth"
        )
        assert width != "0px"  # it has its sheet


async def test_a_menu_that_could_not_be_loaded_takes_nobody_from_what_they_do_meanwhile(
    service, token, tell
):
    call = await tell(service)
    call.say("hello", 0.0)
    link = f"{service.url}/#token={token}&call={call.sid}"
    async with lacking("desk/call_menu.js", link) as (page, _):
        await expect(turns(page)).to_have_count(1)
        await page.locator(".open-menu").click()
        await expect(page.locator("#notices-text")).to_have_text(TOLD)
        await page.locator("#search").focus()
        async with page.expect_response("**/desk/call_menu.js*"):
            await come_back(page)
        await expect(page.locator("#notices-text")).to_be_empty()
        await expect(page.locator(".menu:popover-open")).to_have_count(0)
        await expect(page.locator("#search")).to_be_focused()


async def test_a_service_that_cannot_say_whether_it_wants_a_token_is_asked_again(service, token):
    """Only one that wants one has the reader asked for it."""
    async with opened("about:blank") as page:
        answers = [503, 500]
        is_seen = asyncio.Event()  # what was said of the first: the next takes its place

        async def answer(route):
            if answers:
                status = answers.pop(0)
                if not answers:
                    await is_seen.wait()
                await route.fulfill(status=status)
            else:
                await route.continue_()

        await page.route("**/calls", answer)
        await page.goto(service.url)
        await expect(page.locator("#connection")).to_have_text(
            "The service answers 503. Trying again …"
        )
        is_seen.set()
        await expect(page.locator("#sign-in")).to_be_hidden()
        await expect(page.locator("#token")).to_be_focused()
        assert answers == []
        await expect(page.locator("#problem")).to_be_empty()


async def test_a_service_that_never_answers_is_asked_again(service):
    async with opened("about:blank") as page:
        await page.add_init_script(
            "const of = AbortSignal.timeout; AbortSignal.timeout = () => of.call(AbortSignal, 1);"
        )
        await page.clock.install()
        held = []

        async def hold(route):
            held.append(route)

        await page.route("**/calls", hold)
        await page.goto(service.url)
        await expect(page.locator("#connection")).to_contain_text("Trying again")
        await page.clock.fast_forward(AGAIN)
        await until(lambda: len(held) > 1)
        await page.unroute_all(behavior="ignoreErrors")


async def test_an_answer_that_comes_after_a_token_asks_for_none(service, token):
    async with opened("about:blank") as page:
        asked = asyncio.Event()
        answer = asyncio.Event()

        async def hold(route):
            asked.set()
            await answer.wait()
            await route.fulfill(status=401)

        await page.route("**/calls", hold)
        await page.goto(service.url)
        await asked.wait()
        await page.evaluate(f"location.hash = {json.dumps(f'token={token}')}")
        await expect(page.locator("body")).to_have_attribute("data-connection", "live")
        async with page.expect_response("**/calls"):
            answer.set()
        await page.evaluate("fetch('.').then((later) => later.text())")
        await expect(page.locator("#sign-in")).to_be_hidden()
        await expect(page.locator("#sign-out")).to_be_visible()


BLOCKED = """for (const store of ["localStorage", "sessionStorage"]) {
    const get = () => { throw new DOMException("", "SecurityError"); };
    Object.defineProperty(window, store, { get });
}"""


async def test_a_browser_that_may_keep_nothing_reads_all_the_same(service, token, tell):
    """Until the page is loaded anew, which asks for the token."""
    call = await tell(service)
    call.say("Can you read me?", 0.0)
    async with opened("about:blank") as page:
        await page.add_init_script(BLOCKED)
        await page.goto(f"{service.url}/#token={token}&call={call.sid}")
        await expect(page.locator(".said")).to_have_text(["Can you read me? "])
        await page.locator(".call-panel .log").press("p")
        await expect(page.locator("#calls .pin[aria-pressed=true]")).to_have_count(1)
        await page.get_by_label("Order").select_option("number")
        await page.reload()
        await expect(page.locator("#sign-in")).to_be_visible()


FULL = (
    """Storage.prototype.setItem = () => { throw new DOMException("", "QuotaExceededError"); };"""
)


async def test_a_browser_that_has_no_room_left_reads_all_the_same(service, token, tell):
    call = await tell(service)
    async with opened("about:blank") as page:
        await page.add_init_script(FULL)
        await page.goto(service.url)
        await page.fill("#token", token)
        await page.press("#token", "Enter")
        await page.locator(f'#calls [data-call-sid="{call.sid}"] .pin').click()
        await expect(page.locator("#calls .pin[aria-pressed=true]")).to_have_count(1)
        await page.locator(".states label", has_text="Ended").click()
        await expect(page.locator("#ended-part")).to_be_visible()
