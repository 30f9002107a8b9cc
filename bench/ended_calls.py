"""
The list of calls that are over: what many of them cost a process, and whoever asks for a page.

One process is the service, with a probe of its event loop (``bench/calls_list.py``); this one fills
the stream and asks.
"""

import argparse
import asyncio
import http.client
import json
import secrets
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import nats
import uvloop

from bench.calls_list import NUMBER_OF_ALL, Service, service
from bench.processes import cpu_seconds, resident_mb
from bench.storing import ToStore, store
from broker.provision import look_at, provision
from broker.records import CallFacts, Record, call_ended, encode_record
from broker.server.embedded import EmbeddedServer
from broker.settings import BrokerSettings
from broker.subjects import Address, Subjects
from handler.tokens import tokens

SUBJECTS = Subjects()
ACCOUNT = f"AC{1:032x}"
EPOCH = "bench-1"
BEGAN = 1_795_341_600_000  # Unix ms
SECOND = 1000
FINAL_BYTES = 1120  # what the recorded call of bench/fleet has
CALLS_OF_A_NUMBER = 10  # of the callers' numbers; all calls have the called one
ROUNDS = 100


def call_sid(number: int) -> str:
    """Name a call."""
    return f"CA{number:032x}"


def caller(number: int) -> str:
    """Return the number that a call comes from."""
    return f"+1777{number // CALLS_OF_A_NUMBER:07d}"


def records(number: int, finals: int) -> Iterator[Record]:
    """Yield the records of a call, of which the metadata are some 60 bytes."""
    facts = CallFacts(
        call_sid=call_sid(number),
        account_sid=ACCOUNT,
        stream_sid=f"MZ{number:032x}",
        started_at=BEGAN + number * SECOND,
        from_=caller(number),
        to=NUMBER_OF_ALL,
        direction="inbound",
        caller_name="Ana",
        metadata={"order": f"{number:08d}", "queue": "support"},
    )
    yield facts.started()
    for turn in range(finals):
        body = {"type": "Results", "start": float(turn), "duration": 1.0, "x": "x" * FINAL_BYTES}
        yield Record("final", ("inbound", "outbound")[turn % 2], body)
    ended = call_ended(300.0, "completed", ["6f2c0a9e-0000-4000-8000-000000000000"], "completed")
    ended.body["words"] = 700
    yield ended


def to_store(calls: int, finals: int) -> Iterator[ToStore]:
    """Yield the records of calls as they are published."""
    for number in range(calls):
        sid, at = call_sid(number), BEGAN + number * SECOND
        for seq, record in enumerate(records(number, finals), 1):
            subject = SUBJECTS.ingested(Address(ACCOUNT, sid, record.kind, record.track))
            body = encode_record(record, call_sid=sid, seq=seq, epoch=EPOCH, at=at)
            headers = {"Nats-Msg-Id": f"{sid}:{EPOCH}:{seq}", "Call-Seq": str(seq)}
            yield ToStore(subject, body, headers)


class Asking:
    """Asks the service, over one connection."""

    def __init__(self, running: Service, secret: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", running.port)
        self._secret = secret

    async def page(self, rights: dict[str, list[str]], **query: object) -> tuple[int, Any, float]:
        """Return status, answer and milliseconds."""
        calls, numbers = rights.get("calls", []), rights.get("numbers", [])
        expires = time.time() + 3600
        token = tokens.mint(self._secret, expires=expires, calls=calls, numbers=numbers)
        return await asyncio.to_thread(self._ask, token, query)

    def _ask(self, token: str, query: dict[str, object]) -> tuple[int, Any, float]:
        path = f"/calls?{urlencode({'state': 'ended', **query})}"
        begun = time.perf_counter()
        self._connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = self._connection.getresponse()
        body = answer.read()
        took = (time.perf_counter() - begun) * 1000
        return answer.status, json.loads(body) if answer.status == 200 else body, took


async def pages(
    asking: Asking, running: Service, what: str, rights: dict[str, list[str]], **query: object
) -> None:
    """Ask for the same page again and again, and print what it took."""
    await running.stop_since_last()
    cpu, took = cpu_seconds(running.pid), []
    for _ in range(ROUNDS):
        status, answer, milliseconds = await asking.page(rights, **query)
        assert status == 200, answer
        count = len(answer["calls"])
        took.append(milliseconds)
    cpu = (cpu_seconds(running.pid) - cpu) / ROUNDS * 1000
    took.sort()
    print(
        f"{what}: {count} calls in {took[ROUNDS // 2]:.1f} ms, at most "
        f"{took[-1]:.1f}; {cpu:.1f} ms of CPU; {await running.stop_since_last()}",
        flush=True,
    )


async def measure(calls: int, finals: int) -> None:
    """Measure and print."""
    secret = secrets.token_urlsafe(32)
    everything = {"calls": ["*"]}
    async with EmbeddedServer() as server:
        settings = BrokerSettings(servers=(server.url,), instance="bench")
        client = await nats.connect(server.url)
        await provision(client, SUBJECTS, settings)
        async with service(server.url, secret) as running:
            asking = Asking(running, secret)
            while (await asking.page(everything))[0] != 200:  # noqa: ASYNC110  it tells nobody
                await asyncio.sleep(0.05)
            empty = resident_mb(running.pid)
        begun = time.monotonic()
        await store(client, to_store(calls, finals))
        _, state = await look_at(client, SUBJECTS.streams[0])
        took = time.monotonic() - begun
        print(
            f"{calls} calls, {state['messages']} records, {state['bytes'] / 1e6:.0f} MB "
            f"stored in {took:.0f} s",
            flush=True,
        )
        begun, cpu = time.monotonic(), cpu_seconds(server.pid)
        async with service(server.url, secret) as running:
            asking = Asking(running, secret)
            while (await asking.page(everything))[0] != 200:  # noqa: ASYNC110  it tells nobody
                await asyncio.sleep(0.5)
            print(
                f"read {time.monotonic() - begun:.1f} s after the start of a process, with "
                f"{cpu_seconds(running.pid):.1f} s of its CPU and "
                f"{cpu_seconds(server.pid) - cpu:.1f} of the server's; "
                f"{await running.stop_since_last()}; {resident_mb(running.pid):.0f} MB, "
                f"{empty:.0f} without calls",
                flush=True,
            )
            await pages(asking, running, "first page", everything)
            await pages(asking, running, "200 calls", everything, limit=200)
            number = caller(calls // 2)
            one = {"numbers": [number]}
            _, answer, _ = await asking.page(one)
            assert all(call["from"] == number for call in answer["calls"])
            await pages(asking, running, "token for a number of ten calls", one)
            await pages(
                asking, running, "token for the number of all", {"numbers": [NUMBER_OF_ALL]}
            )
            await pages(asking, running, "that number, asked for", everything, number=NUMBER_OF_ALL)
            gone = call_sid(calls - 1)
            ask = json.dumps({"filter": SUBJECTS.call(call_sid(calls // 3))}).encode()
            await client.request(f"$JS.API.STREAM.PURGE.{SUBJECTS.streams[0]}", ask, timeout=5)
            await pages(asking, running, "first page, once a call was purged", everything)
            ask = json.dumps({"filter": SUBJECTS.call(gone)}).encode()
            await client.request(f"$JS.API.STREAM.PURGE.{SUBJECTS.streams[0]}", ask, timeout=5)
            _, answer, took = await asking.page(everything)
            assert gone not in [call["callSid"] for call in answer["calls"]]
            print(f"the newest call, purged: gone from the next page, in {took:.1f} ms")
        await client.close()


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.ended_calls", description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--finals", type=int, default=10, help="of each call, 1.1 kB each")
    arguments = parser.parse_args()
    uvloop.run(measure(arguments.calls, arguments.finals))


if __name__ == "__main__":
    main()
