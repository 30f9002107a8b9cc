"""Random and mutated messages at the door of Twilio."""

import asyncio
import base64
import json
import random

import pytest
from support.credentials import AUTH_TOKEN
from support.sids import account_sid, call_sid, stream_sid
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from bench.processes import resident_mb
from rehearsal.twilio import Options, place_call, signature

PER_SOCKET = 250


def messages(source: random.Random, number: int) -> list[str]:
    """A media stream as it should be."""
    sids = {"accountSid": account_sid(number), "callSid": call_sid(number)}
    media_format = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
    details = {**sids, "streamSid": stream_sid(number), "tracks": [], "mediaFormat": media_format}
    started = [{"event": "connected"}, {"event": "start", "start": details}]
    media = [
        {
            "event": "media",
            "media": {
                "track": source.choice(["inbound", "outbound"]),
                "timestamp": str(20 * step),
                "payload": base64.b64encode(source.randbytes(160)).decode(),
            },
        }
        for step in range(PER_SOCKET)
    ]
    return [json.dumps(message) for message in [*started, *media, {"event": "stop"}]]


def mutated(source: random.Random, text: str) -> str | bytes:
    """A message with something wrong with it, mostly."""
    match source.randrange(8):
        case 0:
            return source.randbytes(source.randrange(400))
        case 1:
            return "".join(source.choices('{}[]",:\\0-9eE event media start', k=30))
        case 2:
            return text.replace("timestamp", source.choice(["timestamp", "x", "track"]))
        case 3:
            leap: object = source.choice([-1, 10**6, 10**12, 1.5, None, [], "9" * 400])
            body = json.loads(text)
            body.setdefault("media", {})["timestamp"] = leap
            return json.dumps(body)
        case 4:
            size = source.randrange(0, 20_000)
            body = json.loads(text)
            body.setdefault("media", {})["payload"] = base64.b64encode(bytes(size)).decode()
            return json.dumps(body)
        case _:
            at = source.randrange(len(text))
            return text[:at] + source.choice(["", "\0", "é", "}", '"', "[" * 50]) + text[at + 1 :]


async def attack(url: str, seed: int) -> int:
    """Send a media stream of which every third message is mutated; returns how many were sent."""
    source = random.Random(seed)
    headers = {"x-twilio-signature": signature(AUTH_TOKEN, url)}
    sent = 0
    async with connect(url, additional_headers=headers, compression=None, proxy=None) as socket:
        try:
            for text in messages(source, seed + 1):
                wrong = sent >= 2 and source.random() < 0.35
                await socket.send(mutated(source, text) if wrong else text)
                sent += 1
        except ConnectionClosed:
            pass  # a `stop` by accident, or an answer to what was sent
    return sent


@pytest.mark.proof
async def test_no_message_ends_more_than_itself(rounds, serve, deepgram, sound, read, token):
    """Messages by the thousand, a third of them mutated: a good call beside and behind them."""
    lasting = {"RESUME_SECONDS": "0", "CLOSE_SECONDS": "2"}
    service = serve(fresh=True, DEEPGRAM_URL=deepgram.url, **lasting)
    wanted = len(rounds(sample=3_000, full=100_000))
    sent, seed, warm = 0, 0, 0.0
    while sent < wanted:
        sent += await attack(f"{service.ws}/twilio", seed)
        seed += 1
        if not warm and sent >= wanted / 5:
            warm = resident_mb(service.popen.pid)
    call = Options(auth_token=AUTH_TOKEN, speed=4, seed=1, jitter_ms=0)
    inbound = sound.bursts(1, 4)
    reader, report = await asyncio.gather(
        read(service, call.call_sid, token=token),
        place_call(f"{service.ws}/twilio", inbound, b"", call),
    )
    assert report.ok
    assert reader.words("inbound") == sound.words_of(inbound)
    assert service.popen.poll() is None
    assert "Traceback" not in service.text
    assert "defect" not in service.text
    now = resident_mb(service.popen.pid)
    print(f"{sent} messages on {seed} sockets: {warm:.0f} MB at a fifth, {now:.0f} MB at the end")
    assert now < 1.2 * warm + 10
