"""A browser's own WebSocket as a subscriber."""

import asyncio
import json

from support.credentials import AUTH_TOKEN
from support.page import browsing, needs_chromium, shares_browser
from support.timing import PATIENCE

from rehearsal.twilio import Options, place_call

pytestmark = [needs_chromium, shares_browser]
READ_EVENTS = """url => new Promise(resolve => {
  const records = [];
  const source = new EventSource(url);
  let opened = 0;
  source.onopen = () => { opened += 1; };
  source.onmessage = event => { if (event.lastEventId) records.push(event.data); };
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) resolve({opened, records});
  };
})"""
READ_CAPTIONS = """url => new Promise((resolve, reject) => {
  const video = document.createElement("video");
  const track = document.createElement("track");
  video.crossOrigin = "anonymous";
  track.src = url;
  track.default = true;
  track.onload = () => resolve(
    [...track.track.cues].map(cue => [cue.startTime, cue.endTime, cue.getCueAsHTML().textContent])
  );
  track.onerror = () => reject(new Error("no captions"));
  video.append(track);
  document.body.append(video);
  track.track.mode = "showing";
})"""
READ_A_CALL = """url => new Promise(resolve => {
  const records = [];
  const socket = new WebSocket(url);
  socket.onmessage = event => { if ("seq" in JSON.parse(event.data)) records.push(event.data); };
  socket.onclose = event => resolve({code: event.code, records});
})"""


async def test_a_browser_reads_a_call_to_its_end(serve, deepgram, sound, read, token):
    service = serve(DEEPGRAM_URL=deepgram.url)
    call = Options(auth_token=AUTH_TOKEN, speed=2)
    async with browsing() as browser, await browser.new_page() as page:
        url = f"{service.ws}/client?token={token}&call={call.call_sid}"
        reading = asyncio.create_task(page.evaluate(READ_A_CALL, url))
        audio = sound.bursts(1, 4)
        reader, report = await asyncio.gather(
            read(service, call.call_sid, token=token),
            place_call(f"{service.ws}/twilio", audio, audio, call),
        )
        seen = await reading
    assert report.ok
    assert seen == {"code": 1000, "records": reader.records}


async def test_a_browsers_event_source_reads_a_call_and_stops(serve, token, tell):
    """Behind the last record it comes back once, is told that there is no more, and ends."""
    service = serve()
    call = await tell(service)
    async with browsing() as browser, await browser.new_page() as page:
        url = f"{service.url}/calls/{call.sid}/events?token={token}"
        reading = asyncio.create_task(page.evaluate(READ_EVENTS, url))
        for number in range(5):
            call.say(f"record {number}", number)
            await asyncio.sleep(0.1)
        await call.end()
        seen = await asyncio.wait_for(reading, PATIENCE)
    assert [json.loads(text)["seq"] for text in seen["records"]] == [1, 2, 3, 4, 5, 6, 7]
    assert seen["opened"] == 1


async def test_a_browser_takes_the_captions(serve, token, tell):
    service = serve()
    call = await tell(service)
    call.say("Good <b>morning</b> & welcome.", 1.5)
    call.say("Who --> is there?", 2.0, "outbound")
    await call.stored()
    async with browsing() as browser, await browser.new_page() as page:
        url = f"{service.url}/calls/{call.sid}/transcript.vtt?token={token}"
        cues = await asyncio.wait_for(page.evaluate(READ_CAPTIONS, url), PATIENCE)
    assert cues == [
        [1.5, 2.5, "Good <b>morning</b> & welcome."],
        [2, 3, "Who --> is there?"],
    ]
