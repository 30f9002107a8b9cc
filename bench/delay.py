"""
Added delay: from a frame's arrival at the server to its last byte on Deepgram's socket.

Each frame carries its call and its number, so that it is known again in what Deepgram's stand-in
receives. Ours and the tutorial's server (`peer.py`) carry the same calls in turn.
"""

import argparse
import asyncio
import itertools
import secrets
import statistics
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import numpy as np
from websockets.asyncio.client import connect

from bench.processes import cpu_seconds, server
from rehearsal.deepgram import Connection, DeepgramStandIn
from rehearsal.frames import schedule
from rehearsal.twilio import Messages, Options, headers

DIGITS = 120  # of a number in a frame: bytes from 1, so that none is silence
FRAMES = DIGITS * DIGITS
WARM_UP = 1.0  # seconds of each call that are not counted


def numbered(call: int, frames: int) -> bytes:
    """Make audio whose every frame of 160 bytes repeats its call and its number."""
    audio = bytearray()
    for frame in range(frames):
        digits = (*divmod(call, DIGITS), *divmod(frame, DIGITS))
        audio += bytes(digit + 1 for digit in digits) * 40
    return bytes(audio)


@dataclass
class Clock:
    """When each frame was sent, and when its last byte had come through."""

    sent: dict[int, float] = field(default_factory=dict)
    came: dict[int, float] = field(default_factory=dict)

    def heard(self, _: Connection, audio: bytes) -> None:
        """Note what a message to Deepgram holds of the inbound track."""
        now = time.perf_counter()
        channel = np.frombuffer(audio, np.uint8)[0::2]
        groups = channel[: len(channel) // 4 * 4].reshape(-1, 4).astype(np.int64) - 1
        told = groups[(groups < DIGITS).all(axis=1)]  # silence apart
        names = told @ np.array([DIGITS**3, DIGITS**2, DIGITS, 1])
        for name in np.unique(names).tolist():
            self.came[name] = now

    def delays(self, calls: int, frames: range) -> list[float]:
        """Return the delays in seconds; every frame of the range must have come."""
        names = [call * FRAMES + frame for call in range(calls) for frame in frames]
        return [self.came[name] - self.sent[name] for name in names]


async def place(url: str, call: int, frames: int, clock: Clock, auth_token: str) -> None:
    """Place a call in real time and note when each inbound frame is sent."""
    options = Options(auth_token=auth_token, jitter_ms=0)
    messages = Messages(options)
    audio = numbered(call, frames)
    loop = asyncio.get_running_loop()
    async with connect(
        url, additional_headers=headers(url, options), compression=None, proxy=None
    ) as socket:
        await socket.send(messages.connected())
        await socket.send(messages.start())
        begun = loop.time()
        number = itertools.count()
        for frame in schedule(audio, audio, options):
            if (due := begun + frame.at - loop.time()) > 0:
                await asyncio.sleep(due)
            if frame.track == "inbound":
                clock.sent[call * FRAMES + next(number)] = time.perf_counter()
            await socket.send(messages.media(frame))
        await socket.send(messages.stop())


async def measure(
    pid: int, port: int, calls: int, seconds: float, clock: Clock, auth_token: str
) -> tuple[list[float], float]:
    """Return the delays of all frames (s) and CPU time for each frame of both tracks (us)."""
    clock.sent.clear()  # so that a frame that does not come is missed
    clock.came.clear()
    frames = round((seconds + WARM_UP + 1.0) * 50)
    url = f"ws://127.0.0.1:{port}/twilio"
    placing = []
    for call in range(calls):  # not all frames of all calls in the same millisecond
        placing.append(asyncio.create_task(place(url, call, frames, clock, auth_token)))
        await asyncio.sleep(min(0.02, WARM_UP / calls))
    before, begun = cpu_seconds(pid), time.monotonic()
    await asyncio.sleep(seconds)
    spent, lasted = cpu_seconds(pid) - before, time.monotonic() - begun
    await asyncio.gather(*placing)
    await asyncio.sleep(0.5)  # the last chunks
    counted = range(round(WARM_UP * 50), round((WARM_UP + seconds) * 50))
    return clock.delays(calls, counted), spent / (lasted * 100 * calls) * 1e6


def servers(
    chunk_ms: list[int], deepgram: str, auth_token: str
) -> Iterator[tuple[str, AbstractContextManager[tuple[int, int]]]]:
    """Yield each server that is measured, by its name."""
    for milliseconds in chunk_ms:
        environ = {
            "TWILIO_AUTH_TOKEN": auth_token,
            "DEEPGRAM_API_KEY": "any",
            "DEEPGRAM_URL": deepgram,
            "TOKEN_SECRET": secrets.token_hex(32),
            "CHUNK_MS": str(milliseconds),
        }
        yield (
            f"partyline, CHUNK_MS={milliseconds}",
            server("handler.cli", "serve", "--embedded-nats", environ=environ, ready="/readyz"),
        )
    yield (
        "tutorial, 400 ms buffers",
        server("bench.peer", environ={"DEEPGRAM_URL": deepgram}, ready="/"),
    )


async def compare(arguments: argparse.Namespace) -> None:
    """Measure and print."""
    auth_token = secrets.token_hex(16)
    clock = Clock()
    async with DeepgramStandIn(keep=False, on_audio=clock.heard) as deepgram:
        for calls in arguments.calls:
            figures: dict[str, list[tuple[float, float, float]]] = {}
            for _ in range(arguments.rounds):
                for name, running in servers(arguments.chunk_ms, deepgram.url, auth_token):
                    with running as (pid, port):
                        delays, cost = await measure(
                            pid, port, calls, arguments.seconds, clock, auth_token
                        )
                    p50 = statistics.median(delays) * 1000
                    p99 = statistics.quantiles(delays, n=100)[98] * 1000
                    figures.setdefault(name, []).append((p50, p99, cost))
            for name, rounds in figures.items():
                p50, p99, cost = (statistics.median(column) for column in zip(*rounds, strict=True))
                print(
                    f"{calls:3} calls  {name:26} p50 {p50:4.0f} ms  p99 {p99:4.0f} ms  "
                    f"{cost:4.0f} us CPU a frame",
                    flush=True,
                )


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.delay", description=__doc__)
    parser.add_argument("--calls", type=int, nargs="+", default=[1, 50])
    parser.add_argument("--chunk-ms", type=int, nargs="+", default=[100])
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rounds", type=int, default=3)
    asyncio.run(compare(parser.parse_args()))


if __name__ == "__main__":
    main()
