"""
CPU time of the service for each frame, beside the least that Starlette needs to read one.

Both carry the same calls in real time, in turn; the figure is the ratio within each round.
"""

import argparse
import asyncio
import random
import secrets
import statistics
import time

from bench.processes import cpu_seconds, resident_mb, server
from rehearsal.deepgram import DeepgramStandIn
from rehearsal.twilio import Options, place_call

WARM_UP = 1.0  # seconds of each call that are not counted


async def load(pid: int, port: int, calls: int, seconds: float, auth_token: str) -> float:
    """Carry calls in real time; returns CPU microseconds for each frame, warm-up aside."""
    source = random.Random(1)  # noqa: S311  the same audio in each round
    audio = source.randbytes(round((seconds + WARM_UP) * 8000))
    url = f"ws://127.0.0.1:{port}/twilio"
    placing = [
        asyncio.create_task(
            place_call(url, audio, audio, Options(auth_token=auth_token, seed=number))
        )
        for number in range(calls)
    ]
    await asyncio.sleep(WARM_UP)
    before, begun = cpu_seconds(pid), time.monotonic()
    await asyncio.sleep(seconds - 0.5)
    spent, lasted = cpu_seconds(pid) - before, time.monotonic() - begun
    await asyncio.gather(*placing)
    return spent / (lasted * 100 * calls) * 1e6


async def measure(arguments: argparse.Namespace) -> None:
    """Measure and print."""
    auth_token = secrets.token_hex(16)
    async with DeepgramStandIn(keep=False) as deepgram:
        environ = {
            "TWILIO_AUTH_TOKEN": auth_token,
            "DEEPGRAM_API_KEY": "any",
            "DEEPGRAM_URL": deepgram.url,
            "TOKEN_SECRET": secrets.token_hex(32),
        }
        service = server(
            "handler.cli", "serve", "--embedded-nats", environ=environ, ready="/readyz"
        )
        with service as (pid, port), server("bench.floor", environ={}, ready="/") as floor:
            idle = resident_mb(pid)
            ratios = []
            for number in range(1, arguments.rounds + 1):
                ours = await load(pid, port, arguments.calls, arguments.seconds, auth_token)
                least = await load(*floor, arguments.calls, arguments.seconds, auth_token)
                ratios.append(ours / least)
                print(
                    f"round {number}: {ours:.0f} us a frame, reading alone {least:.0f} us, "
                    f"ratio {ratios[-1]:.2f}; {resident_mb(pid):.0f} MB"
                )
    print(
        f"{arguments.calls} calls: ratio {statistics.median(ratios):.2f} "
        f"[{min(ratios):.2f}-{max(ratios):.2f}], idle {idle:.0f} MB"
    )


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=5)
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
