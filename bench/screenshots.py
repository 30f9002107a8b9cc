"""
Take the screenshots of the page: ``make screenshots``.

Desks of 1, 3, 12 and 50 calls, in each state, at four widths, in light and dark: some 270 pictures
in ``build/screenshots``, with an ``index.html`` to look them through. Those that the documents show
land in ``docs/screenshots``. Chromium, and a service of its own for each desk.
"""

import argparse
import asyncio
import html
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import groupby
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser, Page, async_playwright, expect

from bench.desk import page as states
from bench.desk.calls import Desk
from bench.desk.page import HEIGHTS, PHONE, opened
from bench.desk.png import encode, pixels
from bench.processes import CHROMIUM

ROOT = Path(__file__).parents[1]
ALL = ROOT / "build" / "screenshots"
SHOWN = ROOT / "docs" / "screenshots"
SIZES = (1, 3, 12, 50)
FEW, SOME = 3, 12  # so many calls show what is seen beside few, and beside some
WATCHED = ("invoice", "outage", "cancel")
# What lies above the page: its button, and what that shows.
ABOVE = {
    "tools": (".open-menu", ".menu"),
    "reading": ("#reading", ".reading"),
    "keys": ("#help", ".help"),
    "words": ("#watch-words", "#watch-dialog"),
}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
LONGEST = 900  # seconds for all of them
# What the documents show: the picture, and its name there.
IN_DOCUMENTS = {
    "live-1-1366-light": "call",
    "live-12-1920-light": "desk",
    "live-50-1366-light": "list",
    "live-3-1366-dark": "dark",
    "gap-3-1366-light": "gap",
    "live-3-390-light": "phone",
}


class Camera:
    """Takes the pictures of windows, in both schemes, and those for the documents."""

    def __init__(self, blank: Page, shown: bool) -> None:
        self._blank = blank
        self._shown = shown
        self.names: list[str] = []

    async def shoot(self, pages: Sequence[Page], state: str, size: int) -> None:
        """Take a state of all windows."""
        for page in pages:
            for scheme in SCHEMES:
                assert page.viewport_size is not None
                await self._take(page, f"{state}-{size}-{page.viewport_size['width']}", scheme)

    async def _take(self, page: Page, name: str, scheme: Literal["light", "dark"]) -> None:
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        await page.evaluate("new Promise(drawn => requestAnimationFrame(() => setTimeout(drawn)))")
        name = f"{name}-{scheme}"
        picture = await page.screenshot(path=ALL / f"{name}.png")
        self.names.append(name)
        if self._shown and name in IN_DOCUMENTS:
            path = SHOWN / f"{IN_DOCUMENTS[name]}.png"
            path.write_bytes(encode(await pixels(self._blank, picture)))


@asynccontextmanager
async def windows(
    browser: Browser, link: str, *, locale: str = "en-US"
) -> AsyncIterator[list[Page]]:
    """Open the page at all widths."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(opened(browser, link, one, locale=locale))
            for one in HEIGHTS
        ]


async def see_nothing(browser: Browser, camera: Camera) -> None:
    """Take the door, and a desk without calls."""
    async with Desk() as desk:
        async with windows(browser, desk.link().partition("#")[0]) as pages:
            for page in pages:
                await expect(page.locator("#sign-in")).to_be_visible()
            await camera.shoot(pages, "door", 0)
        async with windows(browser, desk.link()) as pages:
            for page in pages:
                await expect(page.locator("#no-calls")).not_to_be_empty()
            await camera.shoot(pages, "empty", 0)


async def see_above(pages: Sequence[Page], camera: Camera, size: int) -> None:
    """Take what lies above the page, and the marks of words that are waited for."""
    for page in pages:
        for name, (button, shown) in ABOVE.items():
            await states.show(page, button, shown)
            if name == "words":
                await states.watch(page, WATCHED)
            await camera.shoot([page], name, size)
            await states.put_away(page, shown)
        await expect(page.locator(".turn.watched")).not_to_have_count(0)
        await camera.shoot([page], "watched", size)


async def see_otherwise(
    browser: Browser, pages: Sequence[Page], desk: Desk, camera: Camera, size: int
) -> None:
    """Take it in German, in the largest letters, and with one call enlarged."""
    async with windows(browser, desk.link(), locale="de-DE") as others:
        for page in others:
            await states.be_live(page, desk)
            await camera.shoot([page], "german", size)
    for page in pages:
        await states.be_sized(page, "Largest")
        await camera.shoot([page], "largest", size)
        await states.be_sized(page, "Normal")
        if page.viewport_size and page.viewport_size["width"] != PHONE:
            await states.be_enlarged(page, desk)
            await camera.shoot([page], "enlarged", size)
            await states.be_set_back(page)


async def see_calls(browser: Browser, camera: Camera, size: int) -> None:
    """Take a desk of so many calls, in one state after another."""
    async with Desk() as desk:
        await desk.begin(size)
        async with windows(browser, desk.link()) as pages:
            for page in pages:
                await states.be_live(page, desk)
                await camera.shoot([page], "live", size)
            [phone] = [p for p in pages if p.viewport_size and p.viewport_size["width"] == PHONE]
            await phone.locator("#back").click()
            await camera.shoot([phone], "list", size)
            await states.go_to(phone, desk.calls[0])
            if size == FEW:
                await see_above(pages, camera, size)
            if size == SOME:
                await see_otherwise(browser, pages, desk, camera, size)

            states.lose_words(desk)
            await asyncio.gather(*(states.be_gapped(page, desk) for page in pages))
            await camera.shoot(pages, "gap", size)
            if size > 1:
                for page in pages:
                    await states.be_talked_over(page, desk)
                    await camera.shoot([page], "over", size)
            states.find_words(desk)
            await asyncio.gather(*(states.be_offline(page, desk) for page in pages))
            await camera.shoot(pages, "offline", size)
            await asyncio.gather(*(states.be_back(page, desk) for page in pages))
            await asyncio.gather(*(states.be_expired(page, desk) for page in pages))
            await camera.shoot(pages, "expired", size)
            await asyncio.gather(*(states.be_let_in(page, desk) for page in pages))
            await desk.end()
            await asyncio.gather(*(states.be_ended(page, desk) for page in pages))
            await camera.shoot(pages, "ended", size)


def index(names: list[str]) -> str:
    """Write a page that shows all pictures: a row for each state and number of calls."""
    rows = []
    for row, pictures in groupby(names, lambda name: name.rsplit("-", 2)[0]):
        images = "".join(
            f'<a href="{name}.png"><img src="{name}.png" alt="{name}" loading="lazy"></a>'
            for name in pictures
        )
        rows.append(f"<h2>{html.escape(row)}</h2><p>{images}</p>")
    style = "img { height: 20rem; margin: 0.2rem; border: 1px solid gray }"
    return f"<!doctype html><title>Partyline</title><style>{style}</style>{''.join(rows)}"


async def take(chromium: str, sizes: Sequence[int], *, shown: bool) -> None:
    """Take them all."""
    ALL.mkdir(parents=True, exist_ok=True)
    for old in ALL.glob("*.png"):
        old.unlink()
    states.be_patient()
    async with async_playwright() as playwright, asyncio.timeout(LONGEST):
        browser = await playwright.chromium.launch(executable_path=chromium)
        camera = Camera(await browser.new_page(), shown)
        await see_nothing(browser, camera)
        for size in sizes:
            print(f"{len(camera.names)} pictures; now {size} calls", flush=True)
            await see_calls(browser, camera, size)
        await browser.close()
    (ALL / "index.html").write_text(index(camera.names))
    print(f"{len(camera.names)} pictures: {ALL.relative_to(ROOT)}/index.html")
    missing = sorted(IN_DOCUMENTS.keys() - set(camera.names)) if shown else []
    assert not missing, f"documents show what was not taken: {missing}"


def main() -> None:
    """Read the arguments and take them."""
    parser = argparse.ArgumentParser(prog="python -m bench.screenshots", description=__doc__)
    parser.add_argument("--calls", type=int, nargs="*", help="desks of so many; else all sizes")
    arguments = parser.parse_args()
    if CHROMIUM is None:
        sys.exit("needs Chromium; on Debian and Ubuntu: apt install chromium")
    sizes = arguments.calls or SIZES
    asyncio.run(take(CHROMIUM, sizes, shown=sizes == SIZES))


if __name__ == "__main__":
    main()
