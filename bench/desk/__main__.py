"""
What a desk of fifty calls costs its reader's browser: ``python -m bench.desk``.

Fifty calls are listed and talk, twelve of them are open. What ten records a second cost, before and
after an hour's worth of them (written faster); how soon a watched word is marked in what may
still change; then a list of five hundred is scrolled, as soon as they are listed and later. In the
end a bare page writes as often, and a plain list as long is scrolled: what this machine gives.
"""

import argparse
import asyncio
import os
import sys
import time
from dataclasses import dataclass

from playwright.async_api import Browser, Page, async_playwright

from bench.desk.calls import Desk
from bench.desk.meter import Costs, LongFrame, Meter
from bench.desk.page import be_live, be_patient, opened
from bench.machine import describe
from bench.processes import CHROMIUM

RATE = 10.0  # records a second, in all
INTERIMS = 2  # beside each of them
HURRY = 400.0  # records a second while an hour goes by
WIDTH = 1920
# So that calls that say RATE records a second in all keep to the clock.
REST = 1.6
POLITE = 10  # niceness of the service and of who talks: the browser has another machine
SCROLLED = 10.0  # seconds
LATER = 20.0  # seconds: what is watched for was read in all of them by then, here
WATCHED = "amaranth"  # none of the calls says it by itself
TIMES = 20  # it is said
# What is marked in the transcripts is looked at with each frame.
MARKED = """isMarked => new Promise((done) => {
  const look = () => (CSS.highlights.get("watched").size > 0) === isMarked ? done()
    : requestAnimationFrame(look);
  look();
})"""
LIST = "#calls-part"
OVER_LIST = (150, 500)  # pixels, in ours and in the bare one
# A list that nobody tells anything, and a text of some lines whose end is kept in sight.
BARE = """
<div style="height: 50vh; overflow-y: auto"><ol id="calls-part">{rows}</ol></div>
<p id="said" style="height: 40vh; overflow-y: auto">
"""
WRITE = """every => setInterval(() => {
  const said = document.querySelector("#said");
  said.append(`${new Date().toISOString()} `);
  if (said.childNodes.length > 100) said.firstChild.remove();
  said.scrollTop = said.scrollHeight;
}, every)"""


@dataclass(frozen=True, slots=True)
class Steady:
    """What some time at the usual rate cost."""

    script: float  # ms a second, likewise the next
    layout: float
    frames: list[LongFrame]
    records: int


async def spend(desk: Desk, meter: Meter, seconds: float) -> Steady:
    """Let some time go by at the usual rate."""
    await meter.long_frames()
    before, begun = await meter.look(), time.monotonic()
    records = round(seconds * RATE)
    await desk.speak(records, RATE, interims=INTERIMS)
    took = time.monotonic() - begun
    script, layout = (await meter.look()).since(before)
    frames = await meter.long_frames()
    return Steady(script / took * 1000, layout / took * 1000, frames, records)


def row(what: str, *cells: object) -> str:
    """Write a row of the table."""
    return f"| {' | '.join([what, *map(str, cells)])} |"


def longest(frames: list[LongFrame]) -> str:
    """Say how long the longest frame took, and how many had a task of the page that was."""
    if not frames:
        return "none over 50 ms"
    busy = sum(frame.blocked > 0 for frame in frames)
    return (
        f"{max(frames).took:.0f} ms, {len(frames)} over 50 ms ({busy or 'none'} by a single task)"
    )


async def memory(meter: Meter) -> tuple[Costs, float, float]:
    """Return what is needed, and what is in RAM."""
    return await meter.look(collect=True), *await meter.memory()


async def measure_hour(desk: Desk, meter: Meter, seconds: float, hour: int) -> None:
    """Measure before and after an hour's worth of records."""
    first = await memory(meter)
    begin = await spend(desk, meter, seconds)
    begun = time.monotonic()
    await desk.speak(hour - begin.records, HURRY)
    took, hurried = time.monotonic() - begun, await meter.long_frames()
    # As at first: what was hurried leaves at once what an hour leaves, and collects, as it goes.
    await meter.look(collect=True)
    later = await spend(desk, meter, seconds)
    last = await memory(meter)
    print(f"\n{hour} records in all, {(hour - begin.records) / took:.0f} a second in between\n")
    print(row("", "at first", "after an hour's records"))
    print(row("---", "---", "---"))
    print(row("script", *(f"{one.script:.0f} ms a second" for one in (begin, later))))
    print(row("style and layout", *(f"{one.layout:.0f} ms a second" for one in (begin, later))))
    print(row("longest frame", *(longest(one.frames) for one in (begin, later))))
    print(row("JavaScript's heap", *(f"{costs.heap:.1f} MB" for costs, *_ in (first, last))))
    print(row("nodes of the document", *(costs.nodes for costs, *_ in (first, last))))
    print(row("the page's process", *(f"{page:.0f} MB" for _, page, _ in (first, last))))
    print(row("all of the browser", *(f"{whole:.0f} MB" for *_, whole in (first, last))))
    print(f"\nlongest frame at {HURRY:.0f} records a second: {longest(hurried)}", flush=True)


async def measure_watching(page: Page, desk: Desk, meter: Meter) -> None:
    """Measure how soon a word is marked that is said while all calls talk."""
    await meter.long_frames()
    await page.locator("#watch-words").click()
    # Not by its label: for that Playwright asks each element of the page, for a second by now.
    await page.locator("#watch-word").fill(WATCHED)
    await page.keyboard.press("Enter")
    await page.keyboard.press("Escape")
    talking = asyncio.create_task(desk.speak(round(TIMES * RATE), RATE, calls=desk.calls[1:]))
    took = []
    for _ in range(TIMES):
        desk.calls[0].be_heard_saying(WATCHED)
        begun = time.monotonic()
        await page.evaluate(MARKED, True)
        took.append((time.monotonic() - begun) * 1000)
        desk.calls[0].say()  # and it is taken back
        await page.evaluate(MARKED, False)
    await talking
    first, *_ = took
    took.sort()
    print(
        f"\na watched word is marked {took[len(took) // 2]:.0f} ms after the recogniser has it "
        f"(median of {TIMES}; at most {took[-1]:.0f}; the first {first:.0f}); "
        f"longest frame: {longest(await meter.long_frames())}"
    )


async def measure_scrolling(page: Page, desk: Desk, meter: Meter, listed: int) -> None:
    """Measure a long list that is scrolled while calls talk."""
    await desk.begin(listed - len(desk.calls), rest=REST, lasts=20)
    await page.wait_for_function(
        "([sid]) => fetch('calls', { headers: { authorization: `Bearer ${sessionStorage.getItem("
        "'partyline.token')}` } }).then(answer => answer.text()).then(text => text.includes(sid))",
        arg=[desk.calls[-1].sid],
    )
    print(
        f"\n{listed} listed calls, scrolled for {SCROLLED:.0f} s beside {RATE:.0f} records a second"
    )
    await scroll(page, desk, meter, "as soon as they are")
    await desk.speak(round(LATER * RATE), RATE, interims=INTERIMS)
    await scroll(page, desk, meter, f"{LATER:.0f} s later")


async def scroll(page: Page, desk: Desk, meter: Meter, when: str) -> None:
    """Measure the list that is scrolled for some time, with the pointer where a wheel has it."""
    await page.mouse.move(*OVER_LIST)
    await meter.long_frames()
    talking = asyncio.create_task(desk.speak(round(SCROLLED * RATE), RATE, interims=INTERIMS))
    before = await meter.look()
    frames, dropped = await meter.scroll(LIST, SCROLLED)
    busy = (await meter.look()).tasks - before.tasks
    await talking
    print(
        f"{when}: {frames:.1f} frames a second, {dropped} left out, "
        f"{busy * 1000 / (frames * SCROLLED):.1f} ms of the page's thread for each; "
        f"longest frame: {longest(await meter.long_frames())}"
    )


async def measure_bare(page: Page, desk: Desk, meter: Meter, seconds: float, listed: int) -> None:
    """Measure a page of which nothing else is asked than that it writes, and scrolls, in time."""
    rows = "".join(f"<li>{number}</li>" for number in range(listed))
    await page.set_content(BARE.format(rows=rows))
    await page.evaluate(WRITE, 1000 / (RATE * (1 + INTERIMS)))
    bare = await spend(desk, meter, seconds)
    print(f"\na bare page that writes as often: longest frame: {longest(bare.frames)}")
    await scroll(page, desk, meter, f"its list of {listed} numbers, scrolled")


async def measure(browser: Browser, arguments: argparse.Namespace) -> None:
    """Measure and print."""
    print(f"{time.strftime('%Y-%m-%d')}, {describe()}, Chromium {browser.version}")
    async with Desk() as desk:
        async with opened(browser, "about:blank", WIDTH) as page:
            await measure_page(page, desk, arguments)
        async with opened(browser, "about:blank", WIDTH) as page:
            meter = await Meter.on(page)
            await page.reload()
            await measure_bare(page, desk, meter, arguments.seconds, arguments.listed)


async def measure_page(page: Page, desk: Desk, arguments: argparse.Namespace) -> None:
    """Measure ours."""
    await desk.begin(arguments.calls, rest=REST, lasts=20)
    meter = await Meter.on(page)
    await page.goto(desk.link())
    await be_live(page, desk)
    print(f"longest frame while the calls are opened: {longest(await meter.long_frames())}")
    await measure_hour(desk, meter, arguments.seconds, arguments.records)
    await measure_watching(page, desk, meter)
    await measure_scrolling(page, desk, meter, arguments.listed)


async def run(chromium: str, arguments: argparse.Namespace) -> None:
    """Measure in a browser of its own."""
    be_patient()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium)
        os.nice(POLITE)  # who reads has a machine of their own, without the service and who talks
        await measure(browser, arguments)
        await browser.close()


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.desk", description=__doc__)
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60, help="of each of the two looks")
    parser.add_argument("--records", type=int, default=36_000, help="until the second look")
    parser.add_argument("--listed", type=int, default=500)
    arguments = parser.parse_args()
    if CHROMIUM is None:
        sys.exit("needs Chromium; on Debian and Ubuntu: apt install chromium")
    asyncio.run(run(CHROMIUM, arguments))


if __name__ == "__main__":
    main()
