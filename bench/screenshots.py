"""
Take the screenshots of the page: ``make screenshots``. They land in ``docs/screenshots``.

A service on a nats-server of its own, a few calls written to it, and Chromium.
"""

import argparse
import asyncio
import os
import secrets
import sys
import time
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

from bench.processes import CHROMIUM, server
from broker.broker import Broker
from broker.records import CallFacts, Record
from broker.server.embedded import EmbeddedServer
from broker.settings import BrokerSettings
from broker.writer import CallWriter
from handler.tokens import tokens

HERE = Path(__file__).parents[1] / "docs" / "screenshots"
TALK = [
    ("inbound", 0.8, 2.9, "Good morning. I would like to book a table for two."),
    ("outbound", 4.2, 1.3, "Of course. For which day?"),
    ("inbound", 6.1, 1.1, "Tomorrow evening,"),
    ("outbound", 7.4, 0.4, "Mhm."),
    ("inbound", 8.1, 2.8, "about eight, if you have anything by the window."),
    ("outbound", 17.2, 2.6, "Let me look. Yes, there is one left."),
]
NEXT = ("inbound", 20.9, 0.9, "Wonderful. My name is")
LATER = ("inbound", 28.0, 1.9, "Sorry, I could not hear you. The name")
ASIDE = ("inbound", 15.0, 3.0, "I am calling about the invoice of last month.")
RECOGNISER_AWAY = {"type": "Recogniser", "state": "down", "reason": "HTTP 503"}


def spoken(
    track: str, start: float, duration: float, text: str, *, final: bool
) -> dict[str, object]:
    """Make the body of a result."""
    words = text.split()
    step = duration / len(words)
    timed = [
        {
            "word": word,
            "punctuated_word": word,
            "start": start + step * number,
            "end": start + step * (number + 1),
            "confidence": 0.45 if word == "window." else 0.97,
        }
        for number, word in enumerate(words)
    ]
    return {
        "type": "Results",
        "channel_index": [0 if track == "inbound" else 1, 2],
        "start": start,
        "duration": duration,
        "is_final": final,
        "speech_final": final,
        "channel": {"alternatives": [{"transcript": text, "confidence": 0.9, "words": timed}]},
    }


async def begin(broker: Broker, number: str) -> tuple[CallWriter, asyncio.Task[None]]:
    """Begin a call."""
    call = CallFacts(
        call_sid=f"CA{os.urandom(16).hex()}",
        account_sid="AC" + "1" * 32,
        stream_sid="MZ" + "1" * 32,
        started_at=round((time.time() - 22) * 1000),
        from_=number,
        to="+15550100200",
        direction="inbound",
    )
    writer = broker.writer(call, broker.next_epoch())
    running = asyncio.create_task(writer.run())
    await writer.claimed.wait()
    return writer, running


async def shoot(page: Page, name: str) -> None:
    """Take one picture."""
    await page.wait_for_timeout(300)
    await page.screenshot(path=HERE / f"{name}.png")
    print(f"docs/screenshots/{name}.png")


async def take(chromium: str) -> None:
    """Take them all, of three calls on a service of their own."""
    secret = secrets.token_hex(32)
    environ = {"TOKEN_SECRET": secret, "TWILIO_AUTH_TOKEN": "none", "DEEPGRAM_API_KEY": "none"}
    token = tokens.mint(secret, expires=time.time() + 600, calls=["*"])
    async with EmbeddedServer() as nats, async_playwright() as playwright:
        environ["NATS_URL"] = nats.url
        settings = BrokerSettings(servers=(nats.url,), instance="screenshots")
        with server("handler.cli", "serve", environ=environ, ready="/readyz") as (_, port):
            async with Broker(settings) as broker:
                await broker.wait_ready()
                calls = [await begin(broker, f"+1555010010{number}") for number in range(3)]
                browser = await playwright.chromium.launch(executable_path=chromium)
                await pictures(
                    browser, f"http://127.0.0.1:{port}/#token={token}", [one for one, _ in calls]
                )
                await browser.close()
                for ending, running in calls:
                    over = {"type": "CallEnded", "duration": 22.0, "reason": "completed"}
                    ending.put(Record("event", "call", over))
                    ending.finish()
                    await running


async def pictures(browser: Browser, address: str, calls: list[CallWriter]) -> None:
    """Let the calls speak, and look at them."""
    call, other, away = calls
    for line in TALK:
        call.put(Record("final", line[0], spoken(*line, final=True)))
    other.put(Record("final", "inbound", spoken(*ASIDE, final=True)))
    away.put(Record("event", "call", RECOGNISER_AWAY))
    page = await browser.new_page(viewport={"width": 1280, "height": 720})
    await page.goto(address)
    rows = page.locator("#calls button")
    await rows.filter(has_text="The recogniser is away").wait_for()
    await rows.filter(has_text=ASIDE[3][-20:]).wait_for()
    await shoot(page, "list")

    await rows.filter(has_text="+15550100100").click()
    await page.locator(".turn").first.wait_for()
    call.interim("inbound", spoken(*NEXT, final=False))
    await page.locator(".interim").wait_for()
    await shoot(page, "call")

    gap = {"type": "Gap", "start": 21.2, "end": 26.5, "track": None}
    call.put(Record("event", "call", {**gap, "reason": "recogniser-unreachable"}))
    call.put(Record("event", "call", RECOGNISER_AWAY))
    await page.locator("#reading").click()
    await page.get_by_label("Mark uncertain words").check()
    await page.keyboard.press("Escape")
    await page.locator(".log").press("s")
    await page.locator(".find").fill("window")
    await page.locator(".gap").wait_for()
    await shoot(page, "gap")

    call.put(Record("event", "call", {**RECOGNISER_AWAY, "state": "up", "reason": ""}))
    await page.locator(".find").press("Escape")
    await rows.filter(has_text=ASIDE[3][-20:]).click()
    await page.locator(".said", has_text=ASIDE[3]).wait_for()
    await page.emulate_media(color_scheme="dark")
    await shoot(page, "dark")

    phone = await browser.new_page(viewport={"width": 390, "height": 844})
    await phone.goto(f"{address}&call={call.call.call_sid}")
    call.interim("inbound", spoken(*LATER, final=False))
    await phone.locator(".interim").wait_for()
    await shoot(phone, "phone")


def main() -> None:
    """Read the arguments and take them."""
    argparse.ArgumentParser(prog="python -m bench.screenshots", description=__doc__).parse_args()
    if CHROMIUM is None:
        sys.exit("needs Chromium; on Debian and Ubuntu: apt install chromium")
    asyncio.run(take(CHROMIUM))


if __name__ == "__main__":
    main()
