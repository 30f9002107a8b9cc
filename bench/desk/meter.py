"""What a page costs its reader, as Chromium counts it."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple, Self

from playwright.async_api import CDPSession, Page

from bench.processes import resident_mb

FRAME = 1000 / 60  # ms
# Chromium tells of frames that took more than 50 ms from what asked for them to their end: also
# those that waited for their turn, as long as others were composed and rasterised. What blocked is
# what single tasks of the page, the longest with drawing, took beyond 50.
WATCH = """
window.longFrames = [];
new PerformanceObserver((list) => {
  window.longFrames.push(...list.getEntries());
}).observe({ type: "long-animation-frame", buffered: true });
"""
# Without the time in which garbage was collected at our wish: it takes half a second once the page
# has read for an hour, and whatever asks for a frame meanwhile waits for it.
LONG = """collections => window.longFrames.splice(0)
  .map(({ startTime, duration, blockingDuration }) => {
    const ours = collections.map(([begun, ended]) =>
      Math.max(0, Math.min(ended, startTime + duration) - Math.max(begun, startTime)));
    return [duration - ours.reduce((sum, one) => sum + one, 0), blockingDuration, startTime];
  }).filter(([took]) => took > 50)"""
# There and back again, as fast as a thumb on a phone; tells when the frames came (ms).
SCROLL = """([selector, seconds]) => new Promise((done) => {
  let scroller = document.querySelector(selector);
  const scrolls = (element) => getComputedStyle(element).overflowY !== "visible";
  while (!scrolls(scroller)) scroller = scroller.parentElement;
  const times = [];
  let step = 60;
  const next = (now) => {
    times.push(now);
    if (now - times[0] > seconds * 1000) return done(times);
    const before = scroller.scrollTop;
    scroller.scrollTop += step;
    if (scroller.scrollTop === before) step = -step;
    requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
})"""


@dataclass(frozen=True, slots=True)
class Costs:
    """What a page has cost since it was opened."""

    script: float  # seconds, likewise the next
    layout: float
    layouts: int  # how often it was laid out
    tasks: float  # all that the page's main thread did
    heap: float  # MB
    nodes: int
    listeners: int

    def since(self, before: Self) -> tuple[float, float]:
        """Return the seconds of script, and of style and layout, since then."""
        return self.script - before.script, self.layout - before.layout


class LongFrame(NamedTuple):
    """A frame that took more than 50 ms; all in ms."""

    took: float
    blocked: float  # input; 0: no single task of the page took more than 50
    began: float  # by the page's clock


class Meter:
    """
    Reads what a page costs; made before the page is gone to.

    Attributes:
        collections: When garbage was collected at our wish: from when to when, in ms by the page's
            clock.
    """

    def __init__(self, page: Page, devtools: CDPSession) -> None:
        self._page = page
        self._devtools = devtools
        self.collections: list[tuple[float, float]] = []

    @classmethod
    async def on(cls, page: Page) -> Self:
        """Watch a page from its next load on."""
        devtools = await page.context.new_cdp_session(page)
        await devtools.send("Performance.enable")
        await devtools.send("HeapProfiler.enable")
        await page.add_init_script(WATCH)
        return cls(page, devtools)

    async def look(self, *, collect: bool = False) -> Costs:
        """Return the costs; of what is still needed alone, if garbage is to be collected."""
        if collect:
            begun = await self._page.evaluate("performance.now()")
            await self._devtools.send("HeapProfiler.collectGarbage")
            self.collections.append((begun, await self._page.evaluate("performance.now()")))
        answer: dict[str, Any] = await self._devtools.send("Performance.getMetrics")
        told = {metric["name"]: metric["value"] for metric in answer["metrics"]}
        return Costs(
            script=told["ScriptDuration"],
            layout=told["LayoutDuration"] + told["RecalcStyleDuration"],
            layouts=round(told["LayoutCount"]),
            tasks=told["TaskDuration"],
            heap=told["JSHeapUsedSize"] / 1e6,
            nodes=round(told["Nodes"]),
            listeners=round(told["JSEventListeners"]),
        )

    async def long_frames(self) -> list[LongFrame]:
        """Return the frames that took more than 50 ms since this was asked last."""
        found = await self._page.evaluate(LONG, self.collections)
        return [LongFrame(*frame) for frame in found]

    async def memory(self) -> tuple[float, float]:
        """Return what the page's process has in RAM, and all of the browser (MB)."""
        assert self._page.context.browser is not None
        whole = await self._page.context.browser.new_browser_cdp_session()
        processes = (await whole.send("SystemInfo.getProcessInfo"))["processInfo"]
        sizes = [(one["type"], resident_mb(one["id"])) for one in processes]
        pages = [size for kind, size in sizes if kind == "renderer"]
        return max(pages), sum(size for _, size in sizes)

    async def scroll(self, selector: str, seconds: float) -> tuple[float, int]:
        """Scroll what holds an element; returns frames a second, and how many were left out."""
        times = await self._page.evaluate(SCROLL, [selector, seconds])
        steps = [after - before for before, after in pairwise(times)]
        dropped = sum(round(step / FRAME) - 1 for step in steps)
        return len(steps) / (times[-1] - times[0]) * 1000, dropped
