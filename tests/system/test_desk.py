"""The page with many calls: what it costs grows by what there is to read, and by nothing else."""

import pytest
from playwright.async_api import expect
from support.page import browsing, needs_chromium, shares_browser

from bench.desk.calls import Desk
from bench.desk.meter import Meter
from bench.desk.page import be_live, opened

pytestmark = [needs_chromium, shares_browser]
CALLS, OPEN = 16, 12
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
        .some((element) => element.querySelector(".log"));
    const selectors = asked.map(([, selector]) => selector);
    return [selectors.length, selectors.filter(holds)];
}"""


async def test_no_rule_looks_through_transcripts():
    """What :has() asks of an element is asked of all that is in it, whenever a word comes."""
    async with browsing() as browser, Desk() as desk, opened(browser, "about:blank", 1920) as page:
        await desk.begin(2, lasts=20)
        await page.goto(desk.link())
        await be_live(page, desk)
        rules, of_transcripts = await page.evaluate(ASKED)
    assert rules > 2
    assert of_transcripts == []


CONTAINED = r"""() => [...document.querySelectorAll("body *")]
    .filter((element) => /strict|content|style/.test(getComputedStyle(element).contain))
    .map((element) => element.outerHTML.slice(0, 80))"""


async def test_nothing_that_comes_and_goes_has_counters_of_its_own():
    """When an element with style containment leaves, Chromium walks the whole document."""
    async with browsing() as browser, Desk() as desk, opened(browser, "about:blank", 1920) as page:
        await desk.begin(2, lasts=20)
        await page.goto(desk.link())
        await be_live(page, desk)
        assert await page.evaluate(CONTAINED) == []
