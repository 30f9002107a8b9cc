"""The receiver of docs/forward.md, as a program of its own, with a forwarder before it."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.brokers import ENDED
from support.forwarders import forwarding, write
from support.processes import ENVIRON
from support.receivers import SECRET
from support.timing import patience, until

from bench.processes import free_port

DOCUMENT = (Path(__file__).parents[3] / "docs" / "forward.md").read_text()


@contextmanager
def running(program: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env={**ENVIRON, "FORWARD_SECRET": SECRET},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as receiver:
        try:
            yield receiver
        finally:
            receiver.kill()


async def test_the_receiver_of_the_document_takes_what_is_signed_and_nothing_else(
    server, broker, facts, make_final
):
    (program,) = re.findall(r"^```python\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert len([line for line in program.splitlines() if line]) < 20
    port, call = free_port(), facts()
    url = f"http://127.0.0.1:{port}/calls"
    forged = {"FORWARD_NAME": "forger", "FORWARD_SECRET": SECRET.replace("AAEC", "AAED")}
    await write(broker, call, make_final(1), ENDED)
    with running(program.replace("9000", str(port))) as receiver:
        async with (
            forwarding(server.url, url, **forged) as forger,
            forwarding(server.url, url) as forwarder,
            patience(),
        ):
            lines = [await asyncio.to_thread(receiver.stdout.readline) for _ in range(3)]
            await until(lambda: forwarder.counts.sent == 3)
            await until(lambda: forger.counts.failed >= 1)
    types = ("CallStarted", "Results", "CallEnded")
    assert lines == [f"{call.call_sid}:{n} {kind}\n" for n, kind in enumerate(types, 1)]
    assert forger.counts.sent == 0
