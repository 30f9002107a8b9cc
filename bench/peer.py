"""
The tutorial's server, which this project began from, in our own words.

What it does with audio, and nothing else of it: each track has a buffer, a hole between two
timestamps becomes silence, and once both buffers hold 0.4 s, as much of each goes to Deepgram.
While one side sends nothing, nothing goes; what is left at the end is not sent. It joins the
tracks by slices, which is faster than the library that the tutorial takes for it.

Source: Deepgram's tutorial "Getting Live Speech-to-Text Transcription with Twilio"
(`twilio.py`), https://deepgram.com/learn/deepgram-twilio-streaming
"""

import argparse
import asyncio
import base64
import http
import json
import os

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

BUFFER = 20 * 160  # 0.4 s of one track


class Track:
    """A side of the call: what was heard and not sent."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.latest: int | None = None

    def take(self, timestamp: int, payload: bytes) -> None:
        """Append a frame, behind silence for the frames that are missing."""
        if self.latest is not None and self.latest + 20 < timestamp:
            self.buffer += b"\xff" * (8 * (timestamp - self.latest - 20))
        self.buffer += payload
        self.latest = timestamp


async def take_call(twilio: ServerConnection) -> None:
    """Carry one call."""
    options = "encoding=mulaw&sample_rate=8000&channels=2&multichannel=true"
    url = f"{os.environ['DEEPGRAM_URL']}/v1/listen?{options}"
    async with connect(url, additional_headers={"Authorization": "Token any"}) as deepgram:
        audio: asyncio.Queue[bytes] = asyncio.Queue()

        async def send() -> None:
            while chunk := await audio.get():
                await deepgram.send(chunk)

        async def receive() -> None:
            async for _ in deepgram:
                pass

        sending = asyncio.create_task(send())
        receiving = asyncio.create_task(receive())
        tracks = {"inbound": Track(), "outbound": Track()}
        try:
            async for message in twilio:
                data = json.loads(message)
                if data["event"] == "stop":
                    break
                if data["event"] != "media":
                    continue
                media = data["media"]
                timestamp = int(media["timestamp"])
                if media["track"] == "inbound" and tracks["inbound"].latest is None:
                    tracks["outbound"].latest = timestamp - 20  # so that both begin there
                tracks[media["track"]].take(timestamp, base64.b64decode(media["payload"]))
                while all(len(track.buffer) >= BUFFER for track in tracks.values()):
                    mixed = bytearray(2 * BUFFER)
                    for channel, track in enumerate(tracks.values()):
                        mixed[channel::2] = track.buffer[:BUFFER]
                        del track.buffer[:BUFFER]
                    audio.put_nowait(bytes(mixed))
        except ConnectionClosed:
            pass
        audio.put_nowait(b"")
        await sending
        receiving.cancel()


def answer(connection: ServerConnection, request: Request) -> Response | None:
    """Answer a plain request: the server is ready."""
    if "upgrade" in request.headers:
        return None
    return connection.respond(http.HTTPStatus.OK, "ready\n")


async def listen() -> None:
    """Serve on PORT until the process is ended."""
    async with serve(
        take_call, "127.0.0.1", int(os.environ["PORT"]), process_request=answer, compression=None
    ) as listener:
        await listener.serve_forever()


def main() -> None:
    """Read the arguments and serve."""
    argparse.ArgumentParser(prog="python -m bench.peer", description=__doc__).parse_args()
    asyncio.run(listen())


if __name__ == "__main__":
    main()
