"""
What one call publishes: the service carries the recorded support call, a recogniser hears it.

The recogniser is that of the demo (Moonshine), which says more than Deepgram does: an interim
each 0.6 s of speech, where Deepgram sends a result about once a second for each side.
"""

import asyncio
import contextlib
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nats
from nats.aio.msg import Msg

from bench.fleet.trace import Message, Trace
from bench.processes import free_port, wait_ready
from broker.server.embedded import EmbeddedServer

TRACE = Path(__file__).with_name("call.json")
PARTYLINE = (sys.executable, "-m", "handler.cli")


async def measure() -> Trace:
    """Carry the call, in real time: two minutes; returns what was published."""
    messages: list[tuple[int, str, str, int]] = []
    entries = 0
    ended = asyncio.Event()

    async def take(message: Msg) -> None:
        nonlocal entries
        if message.subject.startswith("registry."):
            entries += ".call." in message.subject
            return
        *_, kind, track = message.subject.split(".")
        body = json.loads(message.data)
        messages.append((body["at"], kind, track, len(message.data)))
        if body["type"] == "CallEnded":
            ended.set()

    async with EmbeddedServer() as server:
        client = await nats.connect(server.url)
        await client.subscribe("transcripts.>", cb=take)
        await client.subscribe("registry.>", cb=take)
        with _service(server.url) as (port, environ):
            call = await asyncio.create_subprocess_exec(
                *PARTYLINE, "rehearse", "call", f"ws://127.0.0.1:{port}/twilio", env=environ
            )
            if await call.wait():
                raise RuntimeError("the call was not carried")
            async with asyncio.timeout(30):
                await ended.wait()
        await client.close()
    begun, last = messages[0][0], messages[-1][0]
    told = (
        Message(round((at - begun) / 1000, 3), kind, track, size)
        for at, kind, track, size in messages
    )
    return Trace(round((last - begun) / 1000, 3), tuple(told), entries)


@contextlib.contextmanager
def _service(nats_url: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Run the service and Deepgram's stand-in; yields its port, and what callers need to know."""
    port, deepgram = free_port(), free_port()
    environ = {
        **os.environ,
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "NATS_URL": nats_url,
        "DEEPGRAM_URL": f"ws://127.0.0.1:{deepgram}",
        "DEEPGRAM_API_KEY": "any",
        "TWILIO_AUTH_TOKEN": secrets.token_hex(16),
        "TOKEN_SECRET": secrets.token_hex(32),
        "PAUSE_SECONDS": "0",  # the call does not go on after its end
    }
    with contextlib.ExitStack() as stack:
        stand_in = ("rehearse", "deepgram", "--recogniser", "moonshine", "--port", str(deepgram))
        for command in (stand_in, ("serve",)):
            process = subprocess.Popen(
                [*PARTYLINE, *command],
                env=environ,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(process.wait, 20)
            stack.callback(process.terminate)
            # The stand-in has no page, and answers all the same.
            wait_ready(f"http://127.0.0.1:{deepgram if command is stand_in else port}/readyz")
        yield port, environ


def summary(trace: Trace) -> dict[str, object]:
    """Say what a call publishes a second, and how large it is."""
    return {
        "seconds": trace.seconds,
        "records_a_second": trace.count("final", "event") / trace.seconds,
        "interims_a_second": trace.count("interim") / trace.seconds,
        "record_bytes": trace.size("final", "event"),
        "interim_bytes": trace.size("interim"),
        "payload_bytes_a_second": sum(m.size for m in trace.messages) / trace.seconds,
        "entries": trace.entries,
    }
