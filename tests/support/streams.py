"""Media streams that a test sends by hand, message by message, or ends when it has seen enough."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from support.credentials import AUTH_TOKEN
from support.sids import account_sid, call_sid, stream_sid
from support.timing import PATIENCE, patience
from websockets.asyncio.client import ClientConnection, connect

from broker import supervise
from rehearsal import audio
from rehearsal.frames import Read, live
from rehearsal.twilio import Options, Report, headers
from rehearsal.twilio.media_stream import opened

FORMAT = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
FRAME = 160


@dataclass
class Stream:
    """One websocket of Twilio's, signed."""

    socket: ClientConnection
    sids: dict[str, str]
    _sent: dict[str, int] = field(default_factory=dict)

    async def start(self, tracks: object = ("inbound", "outbound"), **changes: Any) -> None:
        """Send ``connected`` and ``start``; ``changes`` replace its fields."""
        details = {**self.sids, "tracks": tracks, "mediaFormat": FORMAT, "customParameters": {}}
        await self.send(event="connected", protocol="Call", version="1.0.0")
        await self.send(event="start", start=details | changes)

    async def say(self, track: str, audio: bytes, *, at: int | None = None) -> None:
        """Send audio at once, in frames; it begins at ``at`` (ms), or where the last one ended."""
        begins = self._sent.get(track, 0) if at is None else at
        for place in range(0, len(audio), FRAME):
            payload = audio[place : place + FRAME]
            media = {
                "track": track,
                "timestamp": str(begins + place // 8),
                "payload": base64.b64encode(payload).decode(),
            }
            await self.send(event="media", media=media)
        self._sent[track] = begins + len(audio) // 8

    async def stop(self) -> None:
        """Send ``stop``, and wait until the server has closed."""
        await self.send(event="stop", stop={})
        await self.closed()

    async def send(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def closed(self) -> tuple[int | None, str | None]:
        """Wait until the server closes; returns the code and the reason."""
        async with patience():
            await self.socket.wait_closed()
        return self.socket.close_code, self.socket.close_reason


class Reachable(Protocol):
    """Where a media stream leads: a service, in a process of its own or in the test's, a proxy."""

    @property
    def port(self) -> int: ...


def numbered(number: int) -> Options:
    """Return a call, and its media stream, by a number; of the account that tests have."""
    return Options(
        auth_token=AUTH_TOKEN,
        account_sid=account_sid(1),
        call_sid=call_sid(number),
        stream_sid=stream_sid(number),
    )


@asynccontextmanager
async def media_stream(
    service: Reachable, options: Options | None = None, port: int | None = None
) -> AsyncIterator[Stream]:
    """Open a media stream, of a call of its own unless ``options`` name one; maybe by a cable."""
    options = options or Options(auth_token=AUTH_TOKEN, account_sid=account_sid(1))
    sids = {
        "accountSid": options.account_sid,
        "callSid": options.call_sid,
        "streamSid": options.stream_sid,
    }
    url = f"ws://127.0.0.1:{port or service.port}/twilio"
    signed = headers(url, options)
    async with connect(
        url, additional_headers=signed, compression=None, proxy=None, open_timeout=PATIENCE
    ) as socket:
        yield Stream(socket, sids)


@asynccontextmanager
async def call_that_goes_on(
    url: str, inbound: bytes, outbound: bytes, options: Options
) -> AsyncIterator[Report]:
    """
    Play a call to a server in real time, and have it go on for as long as a block lasts.

    Behind what is said there is silence: whoever comes in the block comes while the call is on,
    however late that is. All that is said is sent before its end.
    """
    loop = asyncio.get_running_loop()
    tracks = {"inbound": inbound, "outbound": outbound}
    async with opened(url, options) as stream:
        begun = loop.time()
        playing = asyncio.create_task(
            stream.play(
                live({name: _going_on(said) for name, said in tracks.items() if said}, options),
                lambda at: asyncio.sleep(begun + at - loop.time()),
            )
        )
        try:
            yield stream.report
            assert not playing.done(), stream.report.ended_by
            longest = max(map(len, tracks.values())) / audio.SAMPLE_RATE
            stream.stop(max(longest, loop.time() - begun))
            await playing
        finally:
            await supervise.end(playing)


def _going_on(said: bytes) -> Read:
    return lambda position, size: said[position : position + size].ljust(size, audio.SILENCE)
