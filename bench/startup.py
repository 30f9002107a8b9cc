"""
Start-up and memory of the service, in an environment with the production requirements alone.

``python -m bench.startup``: from the start of the process to 200 at ``/readyz``, and what is in RAM
then. Another environment measures something else: structlog imports rich where that is installed.
"""

import argparse
import asyncio
import os
import secrets
import statistics
import subprocess
import tempfile
import time
import venv
from pathlib import Path

from bench.processes import cpu_seconds, free_port, resident_mb, wait_ready
from broker.server.embedded import EmbeddedServer

ROOT = Path(__file__).parent.parent


def make_environment(directory: Path) -> Path:
    """Install the production requirements into a fresh environment; returns its interpreter."""
    venv.create(directory, with_pip=True)
    python = directory / "bin" / "python"
    requirements = ROOT / "requirements" / "production.txt"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", requirements],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    return python


def start(python: Path, nats_url: str) -> tuple[float, float, float]:
    """Start the service once; returns seconds to ready, CPU seconds, and MB in RAM."""
    port = free_port()
    settings = {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "NATS_URL": nats_url,
        "PYTHONPATH": str(ROOT),
        "TWILIO_AUTH_TOKEN": secrets.token_hex(16),
        "DEEPGRAM_API_KEY": "any",
        "TOKEN_SECRET": secrets.token_hex(32),
    }
    begun = time.monotonic()
    service = subprocess.Popen(
        [python, "-m", "handler.cli", "serve"],
        env={"PATH": os.environ["PATH"], **settings},
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_ready(f"http://127.0.0.1:{port}/readyz")
        return time.monotonic() - begun, cpu_seconds(service.pid), resident_mb(service.pid)
    finally:
        service.terminate()
        service.wait(20)


async def measure(rounds: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as directory:
        python = await asyncio.to_thread(make_environment, Path(directory))
        async with EmbeddedServer() as nats:
            starts = [await asyncio.to_thread(start, python, nats.url) for _ in range(rounds + 1)]
    # The first one compiles and fills the caches.
    wall, cpu, memory = (statistics.median(figures) for figures in zip(*starts[1:], strict=True))
    print(f"ready after {wall:.2f} s, {cpu:.2f} s of CPU, {memory:.0f} MB")


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.startup", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    asyncio.run(measure(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
