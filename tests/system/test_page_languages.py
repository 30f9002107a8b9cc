"""The page in its languages, in a real browser; and from right to left."""

import re
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import expect
from support.page import letters, needs_chromium, opened, shares_browser, turns

pytestmark = [needs_chromium, shares_browser]
NUMBER, OTHER = "+15550001111", "+15550002222"
FORMATS = ("TXT", "SRT", "VTT", "JSON")


@pytest.fixture(scope="module")
def service(serve_many):
    """Run one for the tests that ask for a call, and look at nothing but that."""
    return serve_many()


# A language that marks what is its own, and is written from right to left.
MIRRORED = """
import { texts as english } from "/languages/en.js";
const each = (text) => typeof text === "string" ? `⟦${text}⟧`
  : typeof text === "function" ? (...given) => `⟦${text(...given)}⟧`
  : Object.fromEntries(Object.entries(text).map(([name, one]) => [name, each(one)]));
export const texts = { ...each(english), tag: "de", direction: "rtl" };
"""
# What a person reads or is told, in words, but for what no language has: names, and what was said.
READ = """() => {
  const read = [];
  const own = "[translate=no], .said, bdi, noscript, script, style";
  const note = (element, text) => { if (text && !element.closest(own)) read.push(text); };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) note(walker.currentNode.parentElement, walker.currentNode.data);
  for (const name of ["aria-label", "placeholder", "title"])
    for (const element of document.querySelectorAll(`[${name}]`))
      note(element, element.getAttribute(name));
  return read.map((text) => text.replace(/[\\u2068\\u2069]/g, "").replace(/\\s+/g, " ").trim());
}"""


def foreign(read: list[str], data: tuple[str, ...]) -> set[str]:
    """Return what is not of the language, nor of these data."""
    found = set()
    for text in read:
        left = text
        while "⟦" in left:
            left, before = re.sub("⟦[^⟦⟧]*⟧", "", left), left
            assert left != before, text
        for one in data:
            left = left.replace(one, "")
        if re.search("[A-Za-z]", left):
            found.add(text)
    return found


@asynccontextmanager
async def mirrored(url: str, **options):
    """Open the page in that language."""
    async with opened("about:blank", locale="de-DE", **options) as page:
        await page.route(
            "**/languages/de.js",
            lambda route: route.fulfill(body=MIRRORED, content_type="text/javascript"),
        )
        await page.goto(url)
        yield page


async def open_dialogs(page, look):
    """Look at what lies above the page, one after the other."""
    await page.fill("#search", "morning")
    await expect(page.locator("#found-part li")).to_have_count(1)
    await page.locator("#watch-words").click()
    await page.fill("#watch-word", "morning")
    await page.keyboard.press("Enter")
    await expect(page.locator("#watch-dialog li")).to_have_count(1)
    await look("words")
    await page.keyboard.press("Escape")
    for menu, shown in (("#reading", ".reading"), ("#help", ".help")):
        await page.locator(menu).click()
        await expect(page.locator(shown)).to_be_visible()
        await look(menu)
        await page.keyboard.press("Escape")


async def test_no_text_is_there_that_is_not_the_languages(serve, token, mint, tell):
    """In a language made for it: every state that is reached shows texts of the language alone."""
    service = serve(AWAIT_CALL_SECONDS="1")
    metadata = {"queue": "billing"}
    call = await tell(service, from_=NUMBER, to=OTHER, caller_name="Noor", metadata=metadata)
    ended = await tell(service, from_=OTHER, to=NUMBER, direction="outbound-api")
    call.say("Good morning.", 1.0)
    call.say("Who is there?", 3.0, "outbound")
    call.put(type="Gap", start=5.0, end=9.0, track="inbound", reason="owner-lost")
    call.put(type="Recogniser", state="down", reason="HTTP 503")
    said = ("Good morning.", "Who is there?", "Bye.")
    data = (
        *said,
        *FORMATS,
        "Good",
        "morning",
        "Noor",
        "queue",
        "billing",
        "HTTP 503",
        call.sid,
        ended.sid,
    )
    async with mirrored(service.url) as page:

        async def look(state):
            read = await page.evaluate(READ)
            assert foreign(read, data) == set(), state
            assert any("⟦" in text for text in read), state

        await expect(page.locator("#sign-in")).to_be_visible()
        await look("door")
        await page.fill("#token", token)
        await page.keyboard.press("Enter")
        await expect(page.locator("#calls .open")).to_have_count(2)
        ended.say("Bye.", 1.0)
        await ended.end()
        await expect(page.locator("#calls .open")).to_have_count(1)
        await page.locator("[name=state][value=ended]").check()
        await expect(page.locator("#ended .open")).to_have_count(1)
        await look("ended")
        await page.locator("[name=state][value=live]").check()
        await page.fill("#search", NUMBER)
        await page.locator("#follow-number").click()
        await look("list")
        await page.locator("#calls .open").first.click()
        await expect(page.locator(".gap")).to_be_visible()
        await page.fill("#search", "")
        await page.locator("[name=state][value=ended]").check()
        await page.locator("#ended .open").click()
        await expect(page.locator(".call-panel.ended")).to_be_visible()
        await page.locator(".open-menu").first.click()
        await expect(page.locator(".menu")).to_be_visible()
        await look("tools")
        await page.keyboard.press("Escape")
        await page.locator(".log").first.focus()
        await page.keyboard.press("s")
        await page.locator(".find:visible").fill("who")
        await turns(page).first.hover()
        await look("calls")
        await open_dialogs(page, look)
        await page.goto(f"{service.url}/?#token={mint(calls=['*'], ttl=-60)}")
        await expect(page.locator("#other-token")).to_be_visible()
        await look("another token")
        await page.locator("#use-token").click()
        await expect(page.locator("#problem")).not_to_be_empty()
        await look("expired")


async def test_a_page_that_is_read_from_right_to_left_turns_over(service, token, tell):
    call = await tell(
        service, from_=NUMBER, to=OTHER, caller_name="Noor", metadata={"queue": "line +1 555"}
    )
    call.say("Good morning.", 1.0)
    call.say("Good morning to you, who is there?", 3.0, "outbound")
    async with mirrored(f"{service.url}/#token={token}&call={call.sid}") as page:
        await expect(turns(page)).to_have_count(2)
        await expect(page.locator("html")).to_have_attribute("dir", "rtl")

        async def right(selector):
            box = await page.locator(selector).first.bounding_box()
            return box["x"] + box["width"]

        # The list is on the right, and so is the line of a turn, whoever's language it is said in.
        assert await right("nav") > await right("#call-panels")
        assert await right(".turn.inbound") > await right(".turn.outbound")
        await expect(page.locator(".turn").first).to_have_css("border-right-width", "4px")
        await expect(page.locator(".said").first).to_have_css("direction", "ltr")
        for selector, text in (
            ("#calls", NUMBER),
            (".call-panel .title", NUMBER),
            (".call-panel .title", OTHER),
            (".call-panel .metadata", "+1 555"),
            (".turn .time", "00:03"),
        ):
            lefts = await letters(page, selector, text)
            assert lefts == sorted(lefts), text
        wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0


async def test_who_reads_german_reads_no_english(serve, token, tell):
    service = serve()
    call = await tell(service, from_=NUMBER, to=OTHER)
    call.say("Guten Morgen.", 1.0)
    call.put(type="Gap", start=5.0, end=9.0, track=None, reason="owner-lost")
    async with opened(f"{service.url}/#token={token}&call={call.sid}", locale="de-AT") as page:
        await expect(page.locator("html")).to_have_attribute("lang", "de")
        await expect(page.locator(".gap")).to_have_text(
            "Keine Mitschrift von 00:05 bis 00:09: Der Server des Gesprächs ist ausgefallen."
        )
        await page.locator("#reading").click()
        await expect(page.get_by_role("dialog", name="Darstellung")).to_be_visible()
        english = await page.evaluate(
            "Promise.all(['en', 'de'].map((tag) => import(`./languages/${tag}.js`)))"
            ".then((all) => { const flat = (texts) => Object.values(texts).flatMap((one) =>"
            "  typeof one === 'object' ? flat(one) : [one]);"
            " const [en, de] = all.map(({ texts }) => flat(texts).filter((one) => one.length > 2));"
            " return en.filter((one) => typeof one === 'string' && !de.includes(one)); })"
        )
        assert "Which calls" in english
        read = await page.evaluate(READ)
        assert "Welche Gespräche" in read
        assert set(english) & set(read) == set()
        # They may have it otherwise, and it is kept.
        await page.get_by_role("button", name="English").click()
        await expect(page.locator(".states legend")).to_have_text("Which calls")
        await page.reload()
        await expect(page.locator("html")).to_have_attribute("lang", "en")
