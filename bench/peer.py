"""
The tutorial's server, which this project began from, in our own words.

Its logic is kept as published, what it lacks included. Each track has a buffer, a hole between two
timestamps becomes silence, and once both buffers hold 0.4 s, as much of each goes to Deepgram by a
queue. While one side sends nothing, nothing goes; what is left at the end is not sent; where the
outbound track comes first the two are 40 ms apart for the whole call; and as the queue is never
closed, a finished call's tasks wait on. Each subscriber has a queue, which gets every message.

It joins the tracks by slices: pydub, which the tutorial takes for it, needs ten times as long; that
is 1 us a frame. What it prints is left out.

Source: Deepgram's tutorial "Getting Live Speech-to-Text Transcription with Twilio"
(`twilio.py`), https://deepgram.com/learn/deepgram-twilio-streaming
"""

import argparse
import asyncio
import base64
import http
import json
import os

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

BUFFER = 20 * 160  # 0.4 s of one track
OPTIONS = "encoding=mulaw&sample_rate=8000&channels=2&multichannel=true"

subscribers: dict[str, list[asyncio.Queue[str | bytes]]] = {}


async def take_call(twilio: ServerConnection) -> None:
    """Carry one call."""
    audio: asyncio.Queue[bytes] = asyncio.Queue()
    name: asyncio.Queue[str] = asyncio.Queue()
    url = f"{os.environ['DEEPGRAM_URL']}/v1/listen?{OPTIONS}"
    async with connect(url, additional_headers={"Authorization": "Token any"}) as deepgram:
        await asyncio.wait(
            [
                asyncio.create_task(send(deepgram, audio)),
                asyncio.create_task(receive(deepgram, name)),
                asyncio.create_task(read(twilio, audio, name)),
            ]
        )
        await twilio.close()


async def send(deepgram: ClientConnection, audio: asyncio.Queue[bytes]) -> None:
    """Send what is queued; an empty message tells Deepgram that it was the last."""
    while True:
        await deepgram.send(await audio.get())


async def receive(deepgram: ClientConnection, name: asyncio.Queue[str]) -> None:
    """Hand each result to everybody who reads the call."""
    call_sid = await name.get()
    subscribers[call_sid] = []
    async for message in deepgram:
        for queue in subscribers[call_sid]:
            queue.put_nowait(message)
    for queue in subscribers.pop(call_sid):
        queue.put_nowait("close")


async def read(
    twilio: ServerConnection, audio: asyncio.Queue[bytes], name: asyncio.Queue[str]
) -> None:
    """Read the media stream, and queue its audio in pieces of 0.4 s."""
    inbound, outbound = bytearray(), bytearray()
    begun = False
    latest_inbound = latest_outbound = 0
    try:
        async for message in twilio:
            data = json.loads(message)
            if data["event"] == "start":
                name.put_nowait(data["start"]["callSid"])
            elif data["event"] == "media":
                media = data["media"]
                timestamp = int(media["timestamp"])
                payload = base64.b64decode(media["payload"])
                if media["track"] == "inbound":
                    if not begun:
                        begun = True
                        latest_outbound = timestamp - 20
                    elif latest_inbound + 20 < timestamp:
                        inbound += b"\xff" * (8 * (timestamp - latest_inbound - 20))
                    latest_inbound = timestamp
                    inbound += payload
                else:
                    if latest_outbound + 20 < timestamp:
                        outbound += b"\xff" * (8 * (timestamp - latest_outbound - 20))
                    latest_outbound = timestamp
                    outbound += payload
            elif data["event"] == "stop":
                break
            while len(inbound) >= BUFFER and len(outbound) >= BUFFER:
                mixed = bytearray(2 * BUFFER)
                mixed[0::2] = inbound[:BUFFER]
                mixed[1::2] = outbound[:BUFFER]
                audio.put_nowait(bytes(mixed))
                del inbound[:BUFFER]
                del outbound[:BUFFER]
    except ConnectionClosed:
        pass
    audio.put_nowait(b"")


async def subscribe(client: ServerConnection) -> None:
    """Say which calls there are, be told which one, hand on what comes of it."""
    await client.send(json.dumps(list(subscribers)))
    call_sid = str(await client.recv()).strip()
    if call_sid not in subscribers:
        return
    queue: asyncio.Queue[str | bytes] = asyncio.Queue()
    subscribers[call_sid].append(queue)
    while (message := await queue.get()) != "close":
        try:
            await client.send(message)
        except ConnectionClosed:
            subscribers[call_sid].remove(queue)
            return


async def route(connection: ServerConnection) -> None:
    assert connection.request is not None
    if connection.request.path == "/twilio":
        await take_call(connection)
    elif connection.request.path == "/client":
        await subscribe(connection)


def answer(connection: ServerConnection, request: Request) -> Response | None:
    """Answer a plain request: the server is ready."""
    if "upgrade" in request.headers:
        return None
    return connection.respond(http.HTTPStatus.OK, "ready\n")


async def listen() -> None:
    """Serve on PORT until the process is ended."""
    port = int(os.environ["PORT"])
    async with serve(route, "127.0.0.1", port, process_request=answer) as listener:
        await listener.serve_forever()


def main() -> None:
    """Read the arguments and serve."""
    argparse.ArgumentParser(prog="python -m bench.peer", description=__doc__).parse_args()
    asyncio.run(listen())


if __name__ == "__main__":
    main()
