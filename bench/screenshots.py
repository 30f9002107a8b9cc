"""
Take the screenshots of the page: ``make screenshots``. They land in ``docs/screenshots``.

A service on a nats-server of its own, a few calls written to it, and Chromium.
"""

import asyncio
import os
import secrets
import shutil
import sys
import time
from pathlib import Path

from playwright.async_api import Page, async_playwright

from bench.processes import server
from broker.connection import Broker
from broker.embedded import EmbeddedServer
from broker.publish import CallWriter
from broker.records import CallFacts, Record
from broker.settings import BrokerSettings
from handler import tokens

HERE = Path(__file__).parents[1] / "docs" / "screenshots"
TALK = [
    ("inbound", 0.8, 2.9, "Good morning. I would like to book a table for two."),
    ("outbound", 4.2, 1.3, "Of course. For which day?"),
    ("inbound", 6.1, 1.1, "Tomorrow evening,"),
    ("outbound", 7.4, 0.4, "Mhm."),
    ("inbound", 8.1, 2.8, "about eight, if you have anything by the window."),
    ("outbound", 18.2, 2.6, "Let me look. Yes, there is one left."),
]


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
    """Take them all."""
    secret = secrets.token_hex(32)
    environ = {"TOKEN_SECRET": secret, "TWILIO_AUTH_TOKEN": "none", "DEEPGRAM_API_KEY": "none"}
    token = tokens.mint(secret, expires=time.time() + 600, calls=["*"])
    async with EmbeddedServer() as nats, async_playwright() as playwright:
        environ["NATS_URL"] = nats.url
        with server("handler.cli", "serve", environ=environ, ready="/readyz") as (_, port):
            async with Broker(
                BrokerSettings(servers=(nats.url,), instance="screenshots")
            ) as broker:
                await broker.wait_ready()
                calls = [await begin(broker, f"+1555010010{number}") for number in range(3)]
                writer = calls[0][0]
                for line in TALK[:5]:
                    writer.put(Record("final", line[0], spoken(*line, final=True)))
                gap = {"type": "Gap", "start": 12.0, "end": 17.5, "track": None}
                writer.put(Record("event", "call", {**gap, "reason": "recogniser-unreachable"}))
                line = TALK[5]
                writer.put(Record("final", line[0], spoken(*line, final=True)))
                browser = await playwright.chromium.launch(executable_path=chromium)
                page = await browser.new_page(viewport={"width": 1200, "height": 760})
                await page.goto(f"http://127.0.0.1:{port}/#token={token}")
                await page.wait_for_selector("#calls button")
                await shoot(page, "list")
                await page.locator("#calls button").first.click()
                await page.wait_for_selector(".gap")
                writer.interim(
                    "inbound", spoken("inbound", 21.2, 0.9, "Wonderful. My name is", final=False)
                )
                await page.wait_for_selector(".interim")
                await shoot(page, "call")
                await page.get_by_label("Mark uncertain words").check()
                await page.emulate_media(color_scheme="dark")
                await shoot(page, "dark")
                await page.set_viewport_size({"width": 390, "height": 844})
                await page.locator(".panel").scroll_into_view_if_needed()
                await page.emulate_media(color_scheme="light")
                await shoot(page, "phone")
                await browser.close()
                for ending, running in calls:
                    over = {"type": "CallEnded", "duration": 22.0, "reason": "completed"}
                    ending.put(Record("event", "call", over))
                    ending.finish()
                    await running


if __name__ == "__main__":
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        sys.exit("needs Chromium; on Debian and Ubuntu: apt install chromium")
    asyncio.run(take(found))
