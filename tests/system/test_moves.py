"""Containers come and go, and calls stay: nothing is lost, nothing comes twice."""

import asyncio
import contextlib
import difflib
import json
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from support.processes import Serve, Service
from support.proxies import balancer
from support.timing import patience
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from bench.processes import free_port
from broker.server.embedded import EmbeddedServer
from rehearsal.audio import SAMPLE_RATE
from rehearsal.deepgram import DeepgramStandIn
from rehearsal.scripted import names
from rehearsal.twilio.account import Account
from rehearsal.twilio.stand_in import TwilioStandIn

NUMBER, CALLER, CALLEE = "+15550001111", "+15550002222", "+15550003333"


def talk(seed: int, seconds: float) -> bytes:
    """Return a side of a call: words, no two alike, with pauses between them."""
    chance = random.Random(seed)
    audio = bytearray(b"\xff" * SAMPLE_RATE)
    while len(audio) < seconds * SAMPLE_RATE:
        audio += bytes(chance.choices(range(0x20, 0x60), k=chance.randrange(1600, 3200)))
        audio += b"\xff" * chance.randrange(400, 6400)
    return bytes(audio[: round(seconds * SAMPLE_RATE)]) + b"\xff" * SAMPLE_RATE


@dataclass
class Fleet:
    """Containers behind a load balancer, and an account whose number leads there."""

    serve: Serve
    nats: EmbeddedServer
    deepgram: DeepgramStandIn
    twilio: TwilioStandIn
    ports: list[int]
    url: str = ""
    services: dict[int, Service] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)

    async def start(self, port: int) -> None:
        account = self.twilio.account
        self.services[port] = await asyncio.to_thread(
            self.serve,
            PORT=str(port),
            NATS_URL=self.nats.url,
            DEEPGRAM_URL=self.deepgram.url,
            PUBLIC_URL=self.url,
            TWILIO_ACCOUNT_SID=account.sid,
            TWILIO_AUTH_TOKEN=account.auth_token,
            TWILIO_API_URL=self.twilio.url,
            FORWARD_TO=CALLEE,
            NOTICE="none",
            **self.environ,
        )


@contextlib.asynccontextmanager
async def fleet(serve, nats, deepgram, tmp_path, count=2, **environ) -> AsyncIterator[Fleet]:
    ports = [free_port() for _ in range(count)]
    with balancer(ports, tmp_path) as front:
        async with TwilioStandIn(Account()) as twilio:
            made = Fleet(serve, nats, deepgram, twilio, ports, f"http://127.0.0.1:{front}")
            made.environ = {"INSECURE": "1", **environ}
            for port in ports:
                await made.start(port)
            twilio.account.add_number(
                NUMBER,
                voice_url=f"{made.url}/twilio/voice#rc=3&rp=all",
                status_callback=f"{made.url}/twilio/status",
            )
            yield made


async def follow(url, token, call_sid):
    """Read a call to its end as a subscriber, coming back when told to."""
    records: list[dict] = []
    breaks = 0
    while not records or records[-1]["type"] != "CallEnded":
        since = records[-1]["seq"] if records else 0
        target = f"{url.replace('http', 'ws', 1)}/client?call={call_sid}&since={since}"
        async with (
            connect(
                target, additional_headers={"Authorization": f"Bearer {token}"}, proxy=None
            ) as socket,
        ):
            with contextlib.suppress(ConnectionClosedError):
                async for text in socket:
                    message = json.loads(text)
                    if "seq" in message:
                        records.append(message)
        breaks += 1
    return records, breaks - 1


async def test_a_container_leaves_and_its_calls_go_on_elsewhere(
    serve, nats, deepgram, token, tmp_path
):
    async with patience(), fleet(serve, nats, deepgram, tmp_path) as made:
        sides = [(talk(2 * n, 14), talk(2 * n + 1, 14)) for n in range(6)]
        calls = [
            made.twilio.call(NUMBER, CALLER, inbound=one, outbound=other) for one, other in sides
        ]
        readers = [asyncio.create_task(follow(made.url, token, call.leg.sid)) for call in calls]
        await asyncio.sleep(5)
        began = time.monotonic()
        code = await asyncio.to_thread(made.services[made.ports[0]].stop)
        print("stopped with", code, time.monotonic() - began)
        for (one, other), reader in zip(sides, readers, strict=True):
            records, breaks = await reader
            print(
                breaks,
                [
                    (r["type"], r.get("reason"), r["epoch"])
                    for r in records
                    if r["type"] != "Results"
                ],
            )
            words: dict[str, list[str]] = {"inbound": [], "outbound": []}
            for record in records:
                if record["type"] == "Results":
                    words[record["track"]] += record["channel"]["alternatives"][0][
                        "transcript"
                    ].split()
            for track, audio in (("inbound", one), ("outbound", other)):
                want = names(audio)
                print(
                    track,
                    len(want),
                    [
                        (o, want[a:b], words[track][c:d])
                        for o, a, b, c, d in difflib.SequenceMatcher(
                            None, want, words[track]
                        ).get_opcodes()
                        if o != "equal"
                    ],
                )
        print(made.services[made.ports[0]].text[-3000:])
        print(list(made.twilio.account.alerts))
