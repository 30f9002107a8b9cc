"""A browser's own WebSocket as a subscriber."""

import asyncio
import os
import shutil

import pytest
from playwright.async_api import async_playwright

from rehearsal.twilio import Options, place_call

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
READ_A_CALL = """url => new Promise(resolve => {
  const records = [];
  const socket = new WebSocket(url);
  socket.onmessage = event => { if ("seq" in JSON.parse(event.data)) records.push(event.data); };
  socket.onclose = event => resolve({code: event.code, records});
})"""


@pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"),
    reason="needs Chromium; on Debian and Ubuntu: apt install chromium",
)
async def test_a_browser_reads_a_call_to_its_end(serve, deepgram, sound, read, token):
    assert CHROMIUM is not None, "the continuous integration installs it"
    service = serve(DEEPGRAM_URL=deepgram.url)
    call = Options(auth_token="twilio-auth-token-of-the-tests", speed=2)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM)
        page = await browser.new_page()
        url = f"{service.ws}/client?token={token}&call={call.call_sid}"
        reading = asyncio.create_task(page.evaluate(READ_A_CALL, url))
        audio = sound.bursts(1, 4)
        reader, report = await asyncio.gather(
            read(service, call.call_sid, token=token),
            place_call(f"{service.ws}/twilio", audio, audio, call),
        )
        seen = await reading
        await browser.close()
    assert report.ok
    assert seen == {"code": 1000, "records": reader.records}
