"""The desk as it is laid out: nothing is cut in its middle, and the place is the words'."""

from contextlib import AsyncExitStack

import pytest
from playwright.async_api import expect
from support.page import browsing, needs_chromium, shares_browser

from bench.desk import page as states
from bench.desk.calls import Desk
from bench.desk.page import be_live, opened, panels

pytestmark = [needs_chromium, shares_browser]
ROWS = 15  # that a supervisor wants to see on a screen of 1366 x 768
SLIM, SLIM_ON_PHONE = 48, 112  # pixels that the form for a token takes at most
LINE = 12  # pixels that no line is lower than

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


async def no_word_is_cut(page) -> None:
    await page.evaluate("new Promise(drawn => requestAnimationFrame(() => setTimeout(drawn)))")
    assert await page.evaluate(CUT) == []


async def height(page, selector: str) -> float:
    box = await page.locator(selector).first.bounding_box()
    return box["height"]


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
