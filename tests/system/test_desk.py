"""The page with many calls: what it costs grows by what there is to read, and by nothing else."""

import asyncio
import re
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import expect
from support.page import browsing, needs_chromium, shares_browser
from support.timing import LOOK, patience

from bench.desk.calls import Desk
from bench.desk.meter import LongFrame, Meter
from bench.desk.page import be_live, opened

pytestmark = [needs_chromium, shares_browser]
CALLS, OPEN, LISTED = 16, 12, 100
COLLECTS = 50.0  # ms, at least: what holds two million objects
SCROLLED = 3.0  # seconds
RATE = 400  # records a second: faster than a browser shows each by itself
# Of a record: its words with their times (bytes), and what is written of them.
HEAP, NODES = 2500, 9
SLACK_HEAP, SLACK_NODES = 1_000_000, 300  # what a browser keeps for itself; rows that change


@pytest.mark.proof
async def test_what_a_desk_costs_grows_by_what_is_to_be_read_alone(rounds):
    """Records of calls that are listed are no elements; what may still change leaves nothing."""
    records = len(rounds(sample=120, full=8_000))
    async with browsing() as browser, Desk() as desk, opened(browser, "about:blank", 1920) as page:
        await desk.begin(CALLS, lasts=20)
        meter = await Meter.on(page)
        await page.goto(desk.link())
        await be_live(page, desk)
        listed = desk.calls[OPEN:]

        async def caught_up(calls):
            """Wait until the page shows what was said last, and nothing that may still change."""
            for call in calls:
                call.say()
            for call in calls:
                shown = page.get_by_text(call.last.text[-12:]).first
                await expect(shown).to_be_attached()
            await expect(page.locator(".interim")).to_have_count(0)
            return await meter.look(collect=True)

        begun = await caught_up(desk.calls)
        await desk.speak(records, RATE, interims=2, calls=listed)
        beside = await caught_up(listed)
        for _ in range(records // CALLS):
            for call in desk.calls:
                call.be_heard()
        heard = await caught_up(desk.calls[:OPEN])
        await desk.speak(records, RATE, interims=2, calls=desk.calls[:OPEN])
        read = await caught_up(desk.calls[:OPEN])
    for what, before, after in (
        ("listed", begun, beside),
        ("interims", beside, heard),
        ("open", heard, read),
    ):
        print(
            f"{records} {what}: {(after.heap - before.heap) * 1e6 / records:.0f} bytes and "
            f"{(after.nodes - before.nodes) / records:.1f} nodes each"
        )
    assert beside.nodes <= begun.nodes + SLACK_NODES
    assert beside.heap * 1e6 <= begun.heap * 1e6 + SLACK_HEAP + HEAP * records
    assert heard.nodes <= beside.nodes + SLACK_NODES
    assert heard.heap * 1e6 <= beside.heap * 1e6 + SLACK_HEAP
    assert read.nodes <= heard.nodes + SLACK_NODES + NODES * records
    assert read.heap * 1e6 <= heard.heap * 1e6 + SLACK_HEAP + HEAP * records


ASKED = r"""() => {
    const rules = (list) => [...list].flatMap((rule) => [rule, ...rules(rule.cssRules ?? [])]);
    const all = [...document.styleSheets].flatMap((sheet) => rules(sheet.cssRules));
    const before = /(?:^|,)\s*([^,]+?)(?::not\()?:has\(/g; // what it is asked of
    const asked = all.flatMap(({ selectorText = "" }) => [...selectorText.matchAll(before)]);
    const holds = (selector) => [...document.querySelectorAll(selector)]
        .some((element) => element.querySelector(".log, .calls li"));
    const selectors = asked.map(([, selector]) => selector);
    return [selectors.length, selectors.filter(holds)];
}"""


async def test_no_rule_looks_through_transcripts_or_rows():
    """What :has() asks of an element is asked of all that is in it, whenever anything comes."""
    async with browsing() as browser, Desk() as desk, opened(browser, "about:blank", 1920) as page:
        await desk.begin(2, lasts=20)
        await page.goto(desk.link())
        await be_live(page, desk)
        assert await page.locator("#calls-part li").count() == 2
        await page.locator("#search").fill("a word")  # what is seldom open has a sheet of its own
        await expect(page.locator("#found-part")).to_be_visible()
        await page.locator("#search").fill("")
        await expect(page.locator("#found-part")).to_be_hidden()
        assert await page.evaluate("[...document.styleSheets].some(s => s.href?.includes('help'))")
        rules, of_many = await page.evaluate(ASKED)
    assert rules > 2
    assert of_many == []


CONTAINED = r"""() => [...document.querySelectorAll("body *:not(.block)")]
    .filter((element) => /strict|content|style/.test(getComputedStyle(element).contain))
    .map((element) => element.outerHTML.slice(0, 80))"""


BLOCKS = 5  # of a call, at the least
# How far turns are apart (px): the first of a block from the one before it, and the second from it.
BETWEEN = """block => {
  const [first, second] = block.children;
  return [[block.previousElementSibling.lastElementChild, first], [first, second]].map(
    ([one, next]) => next.getBoundingClientRect().top - one.getBoundingClientRect().bottom);
}"""


async def test_nothing_that_comes_and_goes_has_counters_of_its_own():
    """
    Where style containment comes or goes, Chromium walks the whole document.

    Blocks of turns come, and leave with their call alone; they have it from the first, as they
    would get it once they are no longer laid out.
    """
    async with browsing() as browser, Desk() as desk, opened(browser, "about:blank", 1920) as page:
        await desk.begin(2, lasts=20)
        await page.goto(desk.link())
        await be_live(page, desk)
        assert await page.evaluate(CONTAINED) == []
        blocks = page.locator(".call-panel").first.locator(".block")
        for _ in range(3 * BLOCKS):  # who speaks on begins no turn
            if await blocks.count() < BLOCKS:
                await desk.speak(40, 200, calls=desk.calls[:1])
        await expect(blocks.nth(BLOCKS - 1)).to_be_attached()
        told = await blocks.evaluate_all(
            "blocks => blocks.map(block => getComputedStyle(block)).map(style => "
            "[style.contain, style.contentVisibility])"
        )
        assert [contain for contain, _ in told] == ["content"] * len(told)
        # What stands on the screen is not laid out late: it would be for the second time.
        assert [drawn for _, drawn in told] == ["auto"] * (len(told) - 3) + ["visible"] * 3
        # Nor does one see where the next begins.
        between, within = await blocks.nth(len(told) - 2).evaluate(BETWEEN)
        assert between == pytest.approx(within, abs=0.1)


# How far the outline of what has the keyboard goes beyond what its block clips; each side (px).
BEYOND = """() => {
  const turn = document.activeElement.closest(".turn");
  const { outlineWidth, outlineOffset, outlineStyle } = getComputedStyle(turn);
  const wide = outlineStyle === "none" ? NaN : parseFloat(outlineWidth) + parseFloat(outlineOffset);
  const [inner, outer] = [turn, turn.closest(".block")].map((one) => one.getBoundingClientRect());
  return ["left", "top"].map((side) => outer[side] - inner[side] + wide).concat(
    ["right", "bottom"].map((side) => inner[side] - outer[side] + wide));
}"""


@pytest.mark.parametrize("size", ["small", "normal"])
async def test_the_outline_of_a_turn_is_whole(size):
    """A block clips what is in it; its first turn and its last have room for theirs."""
    async with browsing() as browser, Desk() as desk, opened(browser, "about:blank", 1920) as page:
        await desk.begin(2, lasts=20)
        await page.goto(desk.link())
        await be_live(page, desk)
        await page.evaluate("size => { document.documentElement.dataset.size = size; }", size)
        await page.evaluate("document.documentElement.dataset.density = 'compact'")
        first = page.locator(".call-panel").first
        turns = first.locator(".turn:not([aria-hidden])")
        await first.locator(".log").focus()
        for key, turn in (("k", turns.first), ("j", turns.last)):
            for _ in range(await turns.count()):
                await page.keyboard.press(key)
            await expect(turn).to_be_focused()
            assert max(await page.evaluate(BEYOND)) <= 0


# The clocks that change in each frame, by where they are, until each has changed so often; a frame
# has one time of its own.
SECONDS = """least => new Promise((done) => {
  const [frames, changes] = [new Map(), new Map()];
  const clocks = [...document.querySelectorAll(".calls li .clock, .call-panel .clock")];
  const observer = new MutationObserver((records) => {
    const now = document.timeline.currentTime;
    for (const clock of new Set(records.map(({ target }) => target.closest?.(".clock")))) {
      if (!clock) continue;
      const where = clock.closest(".call-panel") ? "tiles" : "rows";
      const frame = frames.get(now) ?? { tiles: new Set(), rows: new Set() };
      frames.set(now, frame);
      frame[where].add(clock);
      changes.set(clock, (changes.get(clock) ?? 0) + 1);
    }
    const fewest = Math.min(...clocks.map((clock) => changes.get(clock) ?? 0));
    if (fewest < least) return;
    observer.disconnect();
    done({
      tiles: Math.max(...[...frames.values()].map(({ tiles }) => tiles.size)),
      rows: Math.max(...[...frames.values()].map(({ rows }) => rows.size)),
    });
  });
  observer.observe(document.body, { subtree: true, childList: true, characterData: true });
})"""
# Where a frame is later than shared/next_frame.js waits for it, as in a busy browser, a timer of it
# draws all at once. That never goes off here.
NEXT_FRAME = Path(__file__).parents[2] / "handler/page/static/shared/next_frame.js"
[LONGEST_FRAME] = re.findall(r"LONGEST_FRAME = (\d+);", NEXT_FRAME.read_text())
NO_FRAME_IS_LATE = f"""{{
  const timer = window.setTimeout;
  window.setTimeout = (act, ms, ...more) => ms === {LONGEST_FRAME} ? 0 : timer(act, ms, ...more);
}}"""


async def seconds_pass(page):
    """
    Return how many clocks of a page change in one frame, until each has changed three times.

    Raises:
        TimeoutError: some of them do not.
    """
    async with patience():
        return await page.evaluate(SECONDS, 3)


async def test_a_second_that_passes_is_never_one_frame():
    """Who scrolls gets each frame in time: all the clocks of a desk take longer than one."""
    async with browsing() as browser, Desk() as desk, opened(browser, "about:blank", 1920) as page:
        await desk.begin(40, lasts=20)
        await page.add_init_script(NO_FRAME_IS_LATE)
        await page.goto(desk.link())
        await be_live(page, desk)
        await expect(page.locator(".call-panel")).to_have_count(OPEN)
        assert await page.locator("#calls-part li").count() > 24
        await expect(page.locator(".interim")).to_have_count(0)
        changed = await seconds_pass(page)
        assert changed["tiles"] <= 3  # desk/workspace.js
        assert changed["rows"] <= 6  # list/call_list.js


WITHOUT_FRAMES = """
  window.requestAnimationFrame = () => 0;
  const every = window.setInterval;
  window.setInterval = (act, ...more) => every(() => { act(); window.secondPassed?.(); }, ...more);
"""
# How many clocks show no other second before the page's next one, for each of the next seconds. By
# the page's own timers, which go off in their order however busy the browser is.
NOT_SHOWN = """seconds => new Promise((done) => {
  const left = [];
  let asked = 0;
  window.secondPassed = () => {
    if (asked > left.length || asked === seconds) return; // the page has several such timers
    asked += 1;
    const shown = new Map();
    for (const clock of document.querySelectorAll(".calls li .clock, .call-panel .clock"))
      shown.set(clock, clock.textContent);
    setTimeout(() => {
      left.push([...shown].filter(([clock, text]) => clock.textContent === text).length);
      if (left.length === seconds) done(left);
    }, 900);
  };
})"""


async def test_where_no_frames_come_a_second_is_shown_at_once():
    """As in a page that is not seen: whoever looks into one of its windows sees what is so."""
    async with browsing() as browser, Desk() as desk, opened(browser, "about:blank", 1920) as page:
        await desk.begin(40, lasts=20)
        await page.add_init_script(WITHOUT_FRAMES)
        await page.goto(desk.link())
        await be_live(page, desk)
        clocks = await page.locator("#calls-part li .clock").count()
        assert clocks > 24
        async with patience():
            left = await page.evaluate(NOT_SHOWN, 4)
        # A timer that was late is followed by one in less than a second, in which some stand.
        assert sorted(left)[1] == 0, left


FRAMES = 120  # so many are needed, beside the few layouts that this asks for itself
# From now on, whoever asks for them: also those before and behind what is timed.
COUNT_FRAMES = """() => {
  window.framesCome = 0;
  window.scrolls = 0;
  document.addEventListener("scroll", ({ target }) => {
    window.scrolls += target.contains(document.querySelector("#calls-part"));
  }, { capture: true });
  const next = () => { window.framesCome += 1; requestAnimationFrame(next); };
  next();
}"""
FAR = 6000  # px: there and back again takes SCROLLED


@asynccontextmanager
async def wheel_over(page, selector):
    """
    Give what scrolls there and back again, as a mouse does.

    Who sets `scrollTop` asks how the page is laid out, in each frame; who finds out where it is to
    be turned asks too, but once.
    """
    await page.locator(selector).hover()
    box = await page.locator(selector).bounding_box()
    middle = {"x": box["x"] + box["width"] / 2, "y": page.viewport_size["height"] / 2}
    speed = {"speed": round(2 * FAR / SCROLLED), "gestureSourceType": "mouse"}
    devtools = await page.context.new_cdp_session(page)

    async def turn():
        for way in (-FAR, FAR):
            gesture = middle | speed | {"yDistance": way}
            await devtools.send("Input.synthesizeScrollGesture", gesture)

    yield turn
    await devtools.detach()


async def test_a_frame_is_laid_out_once_whatever_comes_while_a_list_is_scrolled():
    """Who asks how it is laid out, once others have written in the frame, has it laid out twice."""
    async with browsing() as browser, Desk() as desk, opened(browser, "about:blank", 1920) as page:
        await desk.begin(LISTED, lasts=20)
        meter = await Meter.on(page)
        await page.goto(desk.link())
        await be_live(page, desk)
        turns = page.locator(".turn:not([aria-hidden])")
        await page.evaluate(COUNT_FRAMES)
        async with wheel_over(page, "#calls-part") as turn_wheel:
            said = await turns.count()
            # The frames are asked for around the layouts: none of these is without its frame.
            begun = await page.evaluate("window.framesCome")
            before = await meter.look()
            frames = 0
            while frames < FRAMES:  # on a busy machine they come seldom
                async with asyncio.TaskGroup() as group:
                    group.create_task(desk.speak(round(40 * SCROLLED), 40, calls=desk.calls[:OPEN]))
                    await turn_wheel()
                after = await meter.look()
                frames = await page.evaluate("window.framesCome") - begun
                assert await turns.count() > said + OPEN
        assert await page.evaluate("window.scrolls") > 10  # on a busy machine, in few of the frames
        assert after.layouts - before.layouts <= frames * 1.1


HELD = """() => {
  window.kept = Array.from({ length: 2e6 }, (_, at) => ({ at })); // takes long to look through
  setInterval(() => { document.body.textContent = Math.random(); });
}"""
TOOK = 400  # ms
BUSY = """() => requestAnimationFrame(() => {
  for (const end = performance.now() + TOOK; performance.now() < end;);
})""".replace("TOOK", str(TOOK))


def is_busy(frame: LongFrame) -> bool:
    return frame.took >= TOOK and frame.blocked >= TOOK - 50


DRAWN = """new Promise((drawn) => {
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(drawn)));
})"""
# The frames that something lasted into for COLLECTS: when they began, and how long they took.
AROUND = """([begun, ended]) => window.longFrames
  .filter(({ startTime, duration }) =>
    Math.min(ended, startTime + duration) - Math.max(begun, startTime) >= COLLECTS)
  .map(({ startTime, duration }) => [startTime, duration])""".replace("COLLECTS", str(COLLECTS))


async def test_a_frame_is_long_for_what_the_page_does_and_not_for_how_it_is_measured():
    """To collect at the meter's wish takes half a second once a page has read for an hour."""
    async with browsing() as browser, opened(browser, "about:blank", 1920) as page, patience():
        meter = await Meter.on(page)
        await page.reload()
        await page.evaluate(HELD)
        waited: list[tuple[float, float]] = []
        while not waited:
            await page.evaluate(DRAWN)
            await meter.long_frames()
            await meter.look(collect=True)
            await page.evaluate(DRAWN)
            waited = await page.evaluate(AROUND, meter.collections[-1])
        # A busy machine leaves others waiting, too: as long as they are, they are told.
        told = {frame.began: frame.took for frame in await meter.long_frames()}
        most = {began: took - COLLECTS for began, took in waited}
        assert {began for began, took in most.items() if told.get(began, 0) > took} == set()
        await page.evaluate(BUSY)
        # Who waited, and did nothing, is none of those.
        while not any(is_busy(frame) for frame in await meter.long_frames()):  # noqa: ASYNC110  it tells nobody
            await asyncio.sleep(LOOK)
