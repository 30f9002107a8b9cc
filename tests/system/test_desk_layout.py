"""The desk as it is laid out: nothing is cut in its middle, and the place is the words'."""

import re
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import FloatRect, Locator, expect
from support.page import browsing, needs_chromium, shares_browser
from support.timing import patience

from bench.desk import page as states
from bench.desk.calls import Desk
from bench.desk.page import be_live, panels
from bench.desk.talk import Line

pytestmark = [needs_chromium, shares_browser]
ROWS = 15  # that a supervisor wants to see on a screen of 1366 x 768
SLIM, SLIM_ON_PHONE = 48, 112  # pixels that the form for a token takes at most
COLUMN = 736  # pixels: a line of words is no longer
LINE = 12  # pixels that no line is lower than

# No second passes, for the page, while it is to stand still.
SECONDS_STAND = """{
  const every = window.setInterval;
  window.setInterval = (act, ...more) => every(() => { if (!window.still) act(); }, ...more);
}"""

# Words of tiles and rows that are seen in part: neither whole nor not at all.
CUT = """() => {
  const cut = [], range = new Range();
  const parts = ".call-panel > :is(header, .trouble, footer), #calls .open";
  for (const part of document.querySelectorAll(parts)) {
    const walker = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const node = walker.currentNode;
      const clips = [];
      for (let one = node.parentElement; one && one !== document.body; one = one.parentElement)
        if (getComputedStyle(one).overflowX !== "visible" && !one.matches(".calls, #call-panels"))
          clips.push(one.getBoundingClientRect());
      for (const { index, 0: word } of node.data.matchAll(/\\S+/g)) {
        range.setStart(node, index);
        range.setEnd(node, index + word.length);
        for (const { left, right, top, bottom } of range.getClientRects()) {
          const wide = Math.min(right, ...clips.map((one) => one.right))
            - Math.max(left, ...clips.map((one) => one.left));
          const high = Math.min(bottom, ...clips.map((one) => one.bottom))
            - Math.max(top, ...clips.map((one) => one.top));
          if (wide <= 1 || high <= 3) continue; // not at all
          if (wide < right - left - 1 || high < bottom - top - 3)
            cut.push(`${word} in ${part.className || part.localName}: ${node.data}`);
        }
      }
    }
  }
  return cut;
}"""

# What is wrong with the page's first lines: a text that is cut, or leaves them; what says how it
# stands, wider than its words; "Aa" and "?" without a neighbour.
FIRST_LINES = """() => {
  const wrong = [], range = new Range();
  const header = document.querySelector("header.bar");
  const place = header.getBoundingClientRect();
  const letter = parseFloat(getComputedStyle(header).fontSize);
  const seen = [...header.querySelectorAll("h1, button, #connection, #connection-since")].filter(
    (one) => one.textContent && one.getClientRects().length
      && [one, one.parentElement].every((part) => getComputedStyle(part).clipPath === "none"));
  for (const one of seen) {
    const box = one.getBoundingClientRect();
    range.selectNodeContents(one);
    const { left, right, width } = range.getBoundingClientRect();
    const isOneLine = range.getClientRects().length === 1;
    const tell = (what) => wrong.push(`${one.textContent} is ${what}`);
    if (left < box.left - 1 || right > box.right + 1) tell("cut");
    if (left < place.left || right > place.right || box.bottom > place.bottom) tell("outside");
    if (one.id === "connection" && isOneLine && box.width > width + 2 * letter) tell("stretched");
  }
  const middle = (one) => {
    const { top, bottom } = one.getBoundingClientRect();
    return (top + bottom) / 2;
  };
  const reading = header.querySelector("#reading");
  const beside = seen.filter((one) => Math.abs(middle(one) - middle(reading)) < letter / 2);
  if (!beside.some((one) => one.id === "help") || beside.length < 3)
    wrong.push(`alone: ${beside.map((one) => one.textContent)}`);
  return wrong;
}"""

# What says how far behind a call is, and is seen in part: a figure without its words.
HALF = """() => [...document.querySelectorAll(".delay")].filter((one) => {
  if (!one.firstChild) return false;
  const clip = one.getBoundingClientRect(), range = new Range();
  const seen = [...one.textContent.matchAll(/\\S+/g)].map(({ index, 0: word }) => {
    range.setStart(one.firstChild, index);
    range.setEnd(one.firstChild, index + word.length);
    const { top, bottom } = range.getBoundingClientRect();
    return top < clip.bottom - 3 && bottom > clip.top + 3;
  });
  return seen.includes(true) && seen.includes(false);
}).map((one) => one.parentElement.textContent)"""
# Of the tiles beside an enlarged one those that tell something rare (by its class) while somebody
# speaks, and whether it is in sight.
RARE = """what => {
  const seen = [...document.querySelectorAll("[data-room~=lowest].live:not(.away) > footer")]
    .filter((one) => one.querySelector(what)?.textContent
      && one.querySelector(".signal .word").textContent)
    .map((one) => one.querySelector(what).getBoundingClientRect().top
      < one.getBoundingClientRect().bottom - 3);
  return seen.length && seen;
}"""
LATE = 9  # seconds
NARROWEST = 320  # pixels: a desktop's window at four times its size


# Until two frames have passed in which nothing of the lists or the tiles was changed: a few of them
# are drawn in each, and on a busy machine a second may pass before all are.
DRAWN = """new Promise((drawn) => {
  let still = 0;
  const observer = new MutationObserver(() => { still = 0; });
  observer.observe(document.querySelector("#workspace"),
    { subtree: true, childList: true, characterData: true, attributes: true });
  const next = () => (still++ < 2
    ? requestAnimationFrame(() => setTimeout(next))
    : drawn(observer.disconnect()));
  next();
})"""


CUT_ONCE_DRAWN = f"""async () => {{
  window.still = true;
  await {DRAWN};
  const cut = ({CUT})();
  window.still = false;
  return cut;
}}"""


@asynccontextmanager
async def opened(browser, link: str, width: int, **options):
    """Open the page, which can be made to stand still."""
    async with states.opened(browser, "about:blank", width, **options) as page:
        await page.add_init_script(SECONDS_STAND)
        await page.goto(link)
        yield page


async def no_word_is_cut(page) -> None:
    async with patience():
        assert await page.evaluate(CUT_ONCE_DRAWN) == []


async def box_of(page, selector: str) -> FloatRect:
    box = await page.locator(selector).first.bounding_box()
    assert box is not None  # it is laid out
    return box


async def height(page, selector: str) -> float:
    return (await box_of(page, selector))["height"]


@pytest.mark.proof
@pytest.mark.parametrize(("locale", "first"), [("de-DE", 0), ("en-US", 1)])
async def test_what_does_not_fit_in_a_tile_or_a_row_goes_whole(rounds, locale, first):
    """
    Live, with the recogniser away, both sides at once, watched words, large letters.

    A sample sees each width in one language, every other one in German, whose words are longer.
    """
    turned = [*states.HEIGHTS][first::2] + [*states.HEIGHTS][1 - first :: 2]
    widths = [turned[number] for number in rounds(sample=len(turned) // 2, full=len(turned))]
    async with browsing() as browser, Desk() as desk, AsyncExitStack() as stack:
        await desk.begin(states.MOST_OPEN)
        pages = [
            await stack.enter_async_context(opened(browser, desk.link(), width, locale=locale))
            for width in widths
        ]
        for page in pages:
            await be_live(page, desk)
            await no_word_is_cut(page)
            await states.show(page, "#watch-words", "#watch-dialog")
            await states.watch(page, ("invoice", "outage", "my lawyer"))
            await states.put_away(page, "#watch-dialog")
            await expect(page.locator(".turn.watched")).not_to_have_count(0)
            await no_word_is_cut(page)
        states.lose_words(desk)
        for page in pages:
            await states.be_gapped(page, desk)
            await no_word_is_cut(page)
            await states.be_talked_over(page, desk)
            await no_word_is_cut(page)
            await page.evaluate("document.documentElement.dataset.size = 'largest'")
            await no_word_is_cut(page)
            await page.evaluate("document.documentElement.dataset.size = 'normal'")
            await states.be_offline(page, desk)
            await no_word_is_cut(page)
            await states.be_back(page, desk)
        await desk.end()
        for page in pages:
            await states.be_ended(page, desk)
            await no_word_is_cut(page)


@pytest.mark.parametrize("locale", ["en-US", "de-DE"])
async def test_the_first_lines_of_the_page_are_whole_and_leave_no_button_alone(locale):
    """At all widths and sizes of text: reading, in the list, offline, without a token."""
    wrong: list[str] = []

    async def look(page, state):
        for size in ("normal", "largest"):
            for width in (NARROWEST, *states.HEIGHTS):
                if width == NARROWEST and size == "largest":
                    continue
                await page.set_viewport_size({"width": width, "height": 800})
                await page.evaluate(
                    "size => { document.documentElement.dataset.size = size; }", size
                )
                found = await page.evaluate(FIRST_LINES)
                wrong.extend(f"{state}, {width}, {size}: {one}" for one in found)

    async with (
        browsing() as browser,
        Desk() as desk,
        opened(browser, desk.link(), states.PHONE, locale=locale) as page,
    ):
        await desk.begin(1)
        await be_live(page, desk)
        await look(page, "live")
        await page.set_viewport_size({"width": states.PHONE, "height": 800})
        await page.locator("#back").click()
        await look(page, "list")
        await page.evaluate("document.documentElement.dataset.size = 'normal'")
        await page.locator("#watch-words").click()
        await states.watch(page, ("invoice", "outage"))
        await states.put_away(page, "#watch-dialog")
        await states.go_to(page, desk.calls[0])
        await look(page, "watching")
        await states.be_offline(page, desk)
        await expect(page.locator("#connection-since")).not_to_be_empty()
        await look(page, "offline")
        await states.be_back(page, desk)
        await states.be_expired(page, desk)
        await look(page, "expired")
    assert wrong == []


async def test_many_calls_are_listed_compactly_and_few_roomily():
    async with browsing() as browser, Desk() as desk, opened(browser, desk.link(), 1366) as page:
        await desk.begin(3)
        await expect(page.locator("#calls li")).to_have_count(3)
        roomy = await height(page, "#calls li")
        await expect(page.get_by_label("Compact")).not_to_be_checked()
        await desk.begin(47)
        await expect(page.locator("#calls li").first).to_have_attribute("aria-setsize", "50")
        await expect(page.get_by_label("Compact")).to_be_checked()
        seen = await page.evaluate(
            """() => {
              const { top, bottom } = document.querySelector("#calls-part").getBoundingClientRect();
              return [...document.querySelectorAll("#calls li")].filter((row) => {
                const box = row.getBoundingClientRect();
                return box.top >= top && box.bottom <= Math.min(bottom, innerHeight);
              }).length;
            }"""
        )
        assert seen >= ROWS
        await no_word_is_cut(page)
        # Who wants them otherwise has them so.
        await page.get_by_label("Compact").uncheck()
        await expect(page.locator("#calls-part.compact")).to_have_count(0)
        assert await height(page, "#calls li") == roomy


async def test_a_token_is_asked_for_in_a_bar_and_what_was_read_stays_in_sight():
    async with browsing() as browser, Desk() as desk:
        await desk.begin(2)
        for width, most in ((1366, SLIM), (states.PHONE, SLIM_ON_PHONE)):
            async with opened(browser, desk.link(), width) as page:
                await be_live(page, desk)
                await states.be_expired(page, desk)
                await expect(page.locator("#token")).to_be_focused()
                assert await height(page, "#sign-in") <= most
                await no_word_is_cut(page)


async def test_a_tile_names_both_sides_and_gives_its_place_to_the_words():
    """An agent is named where there is room; what is over has nothing to tell at its foot."""
    async with browsing() as browser, Desk() as desk, opened(browser, desk.link(), 1366) as page:
        await desk.begin(3)
        await be_live(page, desk)
        for call, ends in zip(desk.calls, await page.locator(".ends").all(), strict=True):
            facts = call.talk.facts
            await expect(ends).to_have_text(f"{facts['from_']} → {facts['callee_name']}")
            await expect(ends).to_be_in_viewport(ratio=1)
            assert await ends.evaluate("one => one.scrollHeight - one.clientHeight") <= 1
        live = await height(page, ".call-panel .log")
        await desk.end()
        await states.be_ended(page, desk)
        await expect(page.locator(".call-panel > footer").first).to_have_css("height", "0px")
        assert await height(page, ".call-panel .log") >= live + LINE
        assert await panels(page).count() == 3


async def aside(page, selector: str) -> float:
    """Return how far aside of the middle of its tile the words of a call stand (px)."""
    return await page.locator(selector).first.evaluate(
        """log => {
          const turn = log.querySelector(".turn:not(.outbound)");
          const [tile, words] = [log, turn].map((one) => one.getBoundingClientRect());
          return Math.abs(words.left + words.right - tile.left - tile.right) / 2;
        }"""
    )


async def lies_on_its_log(panel: Locator) -> None:
    """See that what fades begins below the line above the words, and takes them no room."""
    fade, log = panel.locator(".fade"), panel.locator(".log")
    await expect(fade).to_be_visible()
    over, under = await fade.bounding_box(), await log.bounding_box()
    assert over is not None
    assert under is not None
    assert over["y"] == under["y"] + 1
    assert abs(over["width"] - await log.evaluate("log => log.clientWidth")) < 1  # beside its bar
    await fade.evaluate("fade => { fade.hidden = true; }")
    assert await log.bounding_box() == under
    await fade.evaluate("fade => { fade.hidden = false; }")


async def test_a_call_that_has_the_screen_stands_in_its_middle_alone_or_enlarged():
    """Only its newest lines are clear, the one above them fades; nothing fades at its beginning."""
    async with browsing() as browser, Desk() as desk, opened(browser, desk.link(), 1920) as page:
        await desk.begin(1)
        await be_live(page, desk)
        assert await aside(page, ".log") < LINE
        await expect(page.locator(".enlarge")).not_to_be_visible()  # it has all there is
        await desk.begin(2)
        await be_live(page, desk)
        await page.locator(".enlarge").first.click()
        await expect(panels(page, ".enlarged")).to_have_count(1)
        assert await aside(page, ".enlarged .log") < LINE
        log = page.locator(".enlarged .log")
        lines = await log.evaluate("log => (log.scrollHeight - log.clientHeight) / 24")
        assert lines > 2, "the call is too short to be scrolled"
        fade = page.locator(".enlarged .fade")
        await log.evaluate("log => { log.scrollTop = log.scrollHeight; }")
        await expect(fade).to_be_visible()
        await lies_on_its_log(panels(page, ".enlarged"))
        # Its colours are ours: it would lie over words in the reader's own.
        await page.emulate_media(forced_colors="active")
        await expect(fade).to_be_hidden()
        await page.emulate_media(forced_colors="none")
        await expect(fade).to_be_visible()
        await log.evaluate("log => { log.scrollTop = 0; }")
        await expect(fade).to_be_hidden()


async def test_what_is_told_of_a_call_alone_stands_in_the_column_of_its_words():
    """Who it is, how it stands, who speaks, how far behind it is: none of it in a far corner."""
    async with browsing() as browser, Desk() as desk:
        await desk.begin(1)
        for width in (1366, 1920):
            async with opened(browser, desk.link(), width) as page:
                await be_live(page, desk)
                words = (await box_of(page, ".turn:not(.outbound)"))["x"]
                for part in (".title", ".line", ".call-panel .signal"):
                    assert abs((await box_of(page, part))["x"] - words) < LINE, (part, width)
                for part in (".close", ".delay"):
                    box = await box_of(page, part)
                    assert box["x"] + box["width"] < words + COLUMN + LINE, (part, width)


async def test_calls_beside_an_enlarged_one_tell_who_speaks():
    """By name, in the line that says whose call it is; nothing of it is cut."""
    async with browsing() as browser, Desk() as desk, opened(browser, desk.link(), 1366) as page:
        await desk.begin(states.MOST_OPEN)
        await be_live(page, desk)
        await states.be_enlarged(page, desk)
        strip = panels(page, ":not(.enlarged)[data-room~=lowest]")
        await expect(strip).to_have_count(states.MOST_OPEN - 1)
        await lies_on_its_log(strip.first)
        desk.talk_on()
        word = strip.locator(".signal .word", has_text="speaks").first
        await expect(word).to_be_visible()
        beside = await word.evaluate(
            """word => word.getBoundingClientRect().bottom
              - word.closest(".call-panel").querySelector(".log").getBoundingClientRect().top"""
        )
        assert beside <= 1
        await no_word_is_cut(page)
        await states.be_talked_over(page, desk)
        both = strip.locator(".signal[data-speaking=both]").first
        await expect(both.locator(".word")).to_be_visible()
        await no_word_is_cut(page)
        # What can be done with it is there for the pointer, for a key, and where there is neither.
        first = strip.first
        enlarge = first.get_by_label("Enlarge")
        await expect(enlarge).to_have_css("opacity", "0")
        await first.hover()
        await expect(enlarge).to_have_css("opacity", "1")
        await no_word_is_cut(page)
        await page.mouse.move(0, 0)
        await expect(enlarge).to_have_css("opacity", "0")
        await enlarge.focus()
        await expect(enlarge).to_have_css("opacity", "1")


async def test_what_is_not_seen_of_a_tile_takes_no_tap():
    """Where there are a pointer and a finger: a tap comes without the pointer."""
    async with browsing() as browser, Desk() as desk, opened(browser, desk.link(), 1366) as page:
        await desk.begin(states.MOST_OPEN)
        await be_live(page, desk)
        await states.be_enlarged(page, desk)
        first = panels(page, ":not(.enlarged)[data-room~=lowest]").first
        close = first.get_by_label("Close")
        await expect(close).to_have_css("opacity", "0")
        tapped = """button => {
          const { left, right, top, bottom } = button.getBoundingClientRect();
          const there = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
          return button.contains(there);
        }"""
        assert not await close.evaluate(tapped)
        await close.focus()  # by a key
        await expect(close).to_have_css("opacity", "1")
        assert await close.evaluate(tapped)


async def test_what_is_rare_comes_before_who_speaks_where_one_of_them_fits():
    """A watched word, and that words come late, in the tiles beside an enlarged one."""
    async with browsing() as browser, Desk() as desk, opened(browser, desk.link(), 1366) as page:
        await desk.begin(states.MOST_OPEN)
        await be_live(page, desk)
        await states.be_enlarged(page, desk)
        await states.show(page, "#watch-words", "#watch-dialog")
        await states.watch(page, ("invoice", "outage", "my lawyer"))
        await states.put_away(page, "#watch-dialog")
        for call in desk.calls:
            call.talk_over()
        seen = await page.wait_for_function(RARE, arg=".marked")
        assert all(await seen.json_value())
        for call in desk.calls:
            body = Line("inbound", call.clock - LATE, 1.0, "Are you still there?").result()
            assert body is not None
            call.writer.interim("inbound", {**body, "is_final": False, "speech_final": False})
        seen = await page.wait_for_function(RARE, arg=".late")
        assert all(await seen.json_value())
        await no_word_is_cut(page)


async def test_how_far_behind_a_call_is_is_told_whole_or_not_at_all():
    async with browsing() as browser, Desk() as desk, opened(browser, desk.link(), 1366) as page:
        await desk.begin(states.MOST_OPEN)
        await be_live(page, desk)
        for size in ("normal", "large", "largest"):
            await page.evaluate("size => { document.documentElement.dataset.size = size; }", size)
            desk.talk_on()
            await expect(page.locator(".delay:not(:empty)")).not_to_have_count(0)
            await no_word_is_cut(page)
            assert await page.evaluate(HALF) == []


# How high lies what has the transcripts, and the list and the first line: a z-index says nothing
# but of what is positioned, or an item of a grid or a flex box.
HEIGHTS = """() => ["#desk, #desk > *, .call-panel", "header.bar, nav, .calls"].map((all) =>
  [...document.querySelectorAll(all)].map((one) => {
    const { position, zIndex } = getComputedStyle(one);
    const isItem = /grid|flex/.test(getComputedStyle(one.parentElement).display);
    return position === "static" && !isItem ? 0 : Number(zIndex) || 0;
  }))"""
# Where the button is that copies a turn, its speaker and its time, and the turn.
PLACES = """[".copy-line", ".who", ".time"].map((part) => turn.querySelector(part)).concat(turn)
  .map((one) => one.getBoundingClientRect().toJSON())"""
POSITIONED = """[...document.querySelectorAll(".log *")]
  .filter((one) => getComputedStyle(one).position !== "static").length"""
POINTED = """turn => {
  const button = turn.querySelector(".copy-line");
  const isSeen = button?.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  return isSeen ? { asked: WHAT } : null;
}"""


async def pointing_at(turn: Locator, what: str) -> Any:
    """Point at a turn, which what is said meanwhile may move away; returns what is asked then."""
    async with patience():
        while (answer := await turn.evaluate(POINTED.replace("WHAT", what))) is None:
            await turn.hover()
    return answer["asked"]


async def test_what_copies_a_turn_lies_over_neither_its_speaker_nor_its_time():
    """In a small tile they stand in the line of the words."""
    async with browsing() as browser, Desk() as desk, opened(browser, desk.link(), 1366) as page:
        await desk.begin(states.MOST_OPEN)
        await be_live(page, desk)
        turn = page.locator(".call-panel[data-room~=small] .turn:not(.outbound)").last
        copy, who, time, box = await pointing_at(turn, PLACES)
        assert min(one[size] for one in (copy, who, time) for size in ("width", "height")) > 0
        for one in (who, time):
            wide = min(copy["right"], one["right"]) - max(copy["left"], one["left"])
            high = min(copy["bottom"], one["bottom"]) - max(copy["top"], one["top"])
            assert min(wide, high) <= 0
        assert abs(box["bottom"] - copy["bottom"]) < 1, "not in its turn"


async def test_no_turn_is_positioned_that_the_pointer_is_not_on():
    """Each that is costs every frame of whatever moves, a scrolled list too."""
    async with browsing() as browser, Desk() as desk:
        await desk.begin(states.MOST_OPEN)
        for width, calls in ((1366, states.MOST_OPEN), (1920, 1)):
            async with opened(browser, desk.link(), width) as page:
                for call in desk.calls[:calls]:
                    await states.go_to(page, call)
                await expect(panels(page, ".live:has(.turn)")).to_have_count(calls)
                # What copies it, and what that lies on.
                assert await pointing_at(page.locator(".turn").last, POSITIONED) == 2
                await page.mouse.move(0, 0)
                await expect(page.locator(".pointed, .copy-line")).to_have_count(0)
                assert await page.evaluate(POSITIONED) == 0


async def test_what_the_pointer_is_on_is_looked_for_in_the_list_before_the_transcripts():
    """It is in each frame of a list that is scrolled, from what lies highest downwards."""
    async with browsing() as browser, Desk() as desk, opened(browser, desk.link(), 1366) as page:
        await desk.begin(1)
        await states.go_to(page, desk.calls[0])
        await expect(panels(page, ".live:has(.turn)")).to_have_count(1)
        # What is in a tile lies no higher than the tile, which contains it.
        await expect(panels(page)).to_have_css("contain", re.compile("paint"))
        tiles, lists = await page.evaluate(HEIGHTS)
        assert max(tiles) < min(lists)


async def test_what_closes_a_sheet_stands_at_the_end_of_its_first_line():
    async with browsing() as browser, Desk() as desk:
        for width in (states.PHONE, 1366):
            async with opened(browser, desk.link(), width) as page:
                await expect(page.locator("#no-calls")).not_to_be_empty()
                for button, sheet in (("#help", ".help"), ("#watch-words", "#watch-dialog")):
                    await states.show(page, button, sheet)
                    title, close, edge = [
                        await box_of(page, f"{sheet}{part}")
                        for part in (" h2", " :text-is('Close')", "")
                    ]
                    beside = title["y"] + title["height"] / 2 - close["y"] - close["height"] / 2
                    assert abs(beside) < LINE / 2
                    left = edge["x"] + edge["width"] - close["x"] - close["width"]
                    assert 0 < left < 2 * LINE
                    await states.put_away(page, sheet)


async def test_nobody_is_asked_to_choose_where_there_is_nothing_to_choose():
    async with browsing() as browser, Desk() as desk, opened(browser, desk.link(), 1366) as page:
        place = page.locator("#no-call-panels")
        await expect(place).to_contain_text("is read here")
        await expect(page.get_by_text("No call is live")).to_have_count(1)  # the list says it
        await desk.begin(1)
        await expect(place).to_contain_text("Choose a call")
        await page.locator("#search").fill("nobody has this name")
        await expect(page.locator("#calls li")).to_have_count(0)
        await expect(place).to_be_empty()


async def test_the_clocks_of_rows_stand_below_each_other_whatever_was_said():
    async with browsing() as browser, Desk() as desk, opened(browser, desk.link(), 1366) as page:
        await desk.begin(states.MOST_OPEN)
        await be_live(page, desk)
        await expect(page.get_by_label("Compact")).to_be_checked()
        await states.show(page, "#watch-words", "#watch-dialog")
        await states.watch(page, ("invoice", "order number"))
        await states.put_away(page, "#watch-dialog")
        marked = page.locator("#calls .marked:not(:empty)")
        await expect(marked).not_to_have_count(0)
        ends = await page.locator("#calls .clock").evaluate_all(
            """clocks => clocks.map((one) => {
              const range = new Range();
              range.selectNodeContents(one);
              return Math.round(range.getBoundingClientRect().right);
            })"""
        )
        assert 0 < await marked.count() < len(ends)
        assert len(set(ends)) == 1
