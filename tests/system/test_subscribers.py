"""Subscribers: resumed without loss, cut off when they stall, told honestly when it is over."""

import asyncio
import contextlib
import json
import random
import re
import shutil
import subprocess
import sys
import urllib.request

import httpx
import pytest
from support.timing import PATIENCE, TTL, patience
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK, InvalidStatus

from bench.processes import free_port

LONG = "the quick brown fox jumps over the lazy dog and runs on " * 20


@pytest.fixture(scope="module")
def service(serve_many):
    """Run one for the tests that ask for a call, and look at nothing but that."""
    return serve_many()


def seqs(texts: list[str]) -> list[int]:
    return [message["seq"] for message in map(json.loads, texts) if "seq" in message]


async def read_events(client: httpx.AsyncClient, url: str, last_id: int = 0):
    """Yield the id and the data of each event of a stream, as an EventSource would."""
    headers = {"Last-Event-ID": str(last_id)} if last_id else {}
    async with client.stream("GET", url, headers=headers, timeout=None) as answer:
        assert answer.status_code == 200, answer.status_code
        assert answer.headers["content-type"] == "text/event-stream"
        fields = {}
        async for line in answer.aiter_lines():
            if line.startswith(":"):
                continue
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "data" in fields:
                yield fields.get("event"), fields.get("id"), fields["data"]
                fields = {}


async def metric(port: int, name: str) -> float:
    def look() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            return answer.read().decode()

    text = await asyncio.to_thread(look)
    [value] = re.findall(rf"^partyline_{name} ([0-9.e+]+)$", text, re.MULTILINE)
    return float(value)


# Resumed


class Killed(Exception):
    """The subscriber loses its connection here."""


async def read_brokenly_by_websocket(service, call, token, source, kills):
    """Read a call over connections that break at random; returns its records, and the breaks."""
    records: list[str] = []
    broken = 0
    while True:
        since = seqs(records)[-1] if records else 0
        url = f"{service.ws}/client?token={token}&call={call.sid}&since={since}"
        lives = source.uniform(0, 0.06) if broken < kills else PATIENCE
        try:
            async with asyncio.timeout(lives), connect(url, compression=None, proxy=None) as one:
                try:
                    while True:
                        text = str(await one.recv())
                        if '"seq":' in text:
                            records.append(text)
                except ConnectionClosedOK:
                    return records, broken
                except asyncio.CancelledError:
                    one.transport.abort()
                    raise
        except TimeoutError:
            broken += 1


async def read_brokenly_by_events(service, call, token, source, kills):
    records: list[str] = []
    last_id, broken = 0, 0
    url = f"{service.url}/calls/{call.sid}/events?token={token}"
    async with httpx.AsyncClient(trust_env=False) as client:
        while True:
            lives = source.uniform(0, 0.06) if broken < kills else PATIENCE
            try:
                async with asyncio.timeout(lives):
                    async for _, number, data in read_events(client, url, last_id):
                        if number is not None:
                            assert json.loads(data)["seq"] == int(number)
                            last_id = int(number)
                            records.append(data)
                    return records, broken
            except TimeoutError:
                broken += 1


@pytest.mark.proof
@pytest.mark.parametrize("way", [read_brokenly_by_websocket, read_brokenly_by_events])
async def test_a_connection_that_breaks_at_any_moment_is_resumed_without_loss(
    way, rounds, serve, token, tell
):
    """Many subscribers of one call, each broken over and over: each has the tap's records, once."""
    kills = len(rounds(sample=50, full=1000))
    readers = 5 if kills == 50 else 20
    service = serve()
    call = await tell(service)
    reading = [
        asyncio.create_task(way(service, call, token, random.Random(seed), kills // readers))
        for seed in range(readers)
    ]
    tapping = asyncio.create_task(
        way(service, call, token, random.Random(99), 0)  # one that is never broken
    )
    number = 0
    while not all(task.done() or number > 100_000 for task in reading):
        call.say(f"record {number}", number)
        call.writer.interim("inbound", {"type": "UtteranceEnd", "last_word_end": 1.0})
        number += 1
        await asyncio.sleep(0.01)
        if number == kills * 2:
            await call.end()
            break
    told, _ = await tapping
    assert seqs(told) == list(range(1, number + 3))
    broken = 0
    for records, breaks in await asyncio.gather(*reading):
        assert records == told
        broken += breaks
    print(f"{broken} connections broken, {number} records")
    assert broken > kills / 2


async def test_events_resume_behind_the_last_id_and_stop_when_all_was_told(service, token, tell):
    call = await tell(service)
    for number in range(3):
        call.say(f"record {number}", number)
    await call.end()
    url = f"{service.url}/calls/{call.sid}/events?token={token}&since=1"
    async with httpx.AsyncClient(trust_env=False) as client:
        assert [n async for _, n, _ in read_events(client, url)] == ["2", "3", "4", "5"]
        # What an EventSource had last is newer than the address that it was made with.
        assert [n async for _, n, _ in read_events(client, url, 3)] == ["4", "5"]
        # So do those that cannot set a header.
        assert [n async for _, n, _ in read_events(client, f"{url}&lastEventId=3")] == ["4", "5"]
        whole = f"{service.url}/calls/{call.sid}/events?token={token}"
        for last in ("5", "7"):
            answer = await client.get(url, headers={"Last-Event-ID": last})
            assert (answer.status_code, answer.text) == (204, "")
            for name in ("lastEventId", "Last-Event-ID", "since"):
                answer = await client.get(f"{whole}&{name}={last}")
                assert (answer.status_code, answer.text) == (204, "")
        assert (await client.get(f"{url}&since=x")).status_code == 400
        wrong = await client.get(url, headers={"Last-Event-ID": "x"})
        assert (wrong.status_code, wrong.text) == (
            400,
            "Last-Event-ID is a whole number or live\n",
        )


# Slow


async def test_an_event_stream_of_a_quiet_call_is_answered_at_once(service, token, tell):
    """Proxies give up on an answer that waits for the next word."""
    call = await tell(service)
    call.say("hello")
    await call.stored()
    url = f"{service.url}/calls/{call.sid}/events?since={call.writer.acked}&token={token}"
    async with (
        httpx.AsyncClient(trust_env=False) as client,
        patience(10),  # seconds; the first heartbeat comes after 15
        client.stream("GET", url) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")


async def test_a_stream_that_is_asked_for_its_head_alone_has_no_body(service, token, tell):
    call = await tell(service)
    async with httpx.AsyncClient(trust_env=False) as client, patience():
        for path in ("calls/events", f"calls/{call.sid}/events"):
            answer = await client.head(f"{service.url}/{path}?token={token}")
            assert (answer.status_code, answer.content) == (200, b"")


async def test_a_number_with_many_calls_costs_no_subscriptions(serve, mint, tell):
    """What begins by itself does not count towards what a socket may ask for."""
    service = serve()
    token = mint(numbers=["+15550001111"])
    calls = [await tell(service, to="+15550001111") for _ in range(101)]
    url = f"{service.ws}/client?token={token}&number=%2B15550001111"
    async with patience(), connect(url, compression=None, proxy=None) as socket_:
        begun: set[str] = set()
        while len(begun) < len(calls):
            message = json.loads(await socket_.recv())
            if message["type"] == "CallStarted":
                begun.add(message["callSid"])
    assert begun == {call.sid for call in calls}


async def test_a_subscriber_that_stalls_is_cut_off_and_resumes_where_it_was(serve, token, tell):
    port = free_port()
    service = serve(WRITE_TIMEOUT="5", METRICS_PORT=str(port))  # enough for who reads
    call = await tell(service)
    url = f"{service.ws}/client?token={token}&call={call.sid}"
    async with connect(url, compression=None, proxy=None, max_queue=1) as stalled:
        late = asyncio.create_task(_read_once_cut_off(stalled, service))
        async with connect(url, compression=None, proxy=None) as other:
            taken: list[str] = []
            while len(taken) < 2001:  # as fast as the other one reads, for whom little ever waits
                await call.say_much(LONG, 20)
                taken += await _until(other, 1 + len(taken) // 20 * 20 + 20)
        assert len(taken) == 2001
        had = await late
    assert stalled.close_code == 4408
    since = seqs(had)[-1]
    assert stalled.close_reason == f"too slow: come back with since={since}"
    assert had == taken[:since]
    async with connect(f"{url}&since={since}", compression=None, proxy=None) as again:
        assert await _until(again, 2001) == taken[since:]
    assert await metric(port, "subscribers_too_slow_total") == 1
    assert await metric(port, "deliveries_total") > 4000


async def _read_once_cut_off(connection, service) -> list[str]:
    """Read what is left, and soon: a close that is not read is not waited for long."""
    await asyncio.to_thread(service.wait_for, "subscriber cut off: too slow")
    had: list[str] = []
    with contextlib.suppress(ConnectionClosed):
        while True:
            had.append(str(await connection.recv()))
    return had


async def _until(connection, last: int) -> list[str]:
    """Read records up to one."""
    records = []
    async for text in connection:
        if '"seq":' in text:
            records.append(text)
            if json.loads(text)["seq"] == last:
                break
    return records


async def test_an_event_stream_that_stalls_is_cut_off(serve, token, tell):
    service = serve(WRITE_TIMEOUT="1")
    call = await tell(service)
    host, _, port = service.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=2**12)
    writer.write(
        f"GET /calls/{call.sid}/events?token={token} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    )
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    await call.say_much(LONG, 2000)
    await asyncio.to_thread(service.wait_for, "subscriber cut off: too slow")
    writer.close()
    assert [line for line in service.lines if line["level"] == "error"] == []


async def test_no_more_subscribers_than_there_is_room_for(serve, token, tell):
    service = serve(MAX_SUBSCRIBERS="2")
    call = await tell(service)
    url = f"{service.ws}/client?token={token}&call={call.sid}"
    events = f"{service.url}/calls/{call.sid}/events?token={token}"
    async with connect(url, proxy=None), httpx.AsyncClient(trust_env=False) as client:
        async with client.stream("GET", events) as open_stream:
            assert open_stream.status_code == 200
            with pytest.raises(InvalidStatus) as caught:
                await connect(url, proxy=None)
            assert caught.value.response.status_code == 503
            assert (await client.get(events)).status_code == 503
            assert (await client.get(f"{service.url}/calls?token={token}")).status_code == 200
        while True:  # the place is free once the stream's end was seen
            with contextlib.suppress(InvalidStatus):
                async with connect(url, proxy=None):
                    break


# Lists, numbers, tokens


async def test_a_list_follows_reality(serve, mint, tell):
    service = serve()
    token = mint(numbers=["+15550001111"])
    url = f"{service.url}/calls/events?token={token}"
    async with httpx.AsyncClient(trust_env=False) as client:
        events = read_events(client, url)
        assert json.loads((await anext(events))[2]) == {"type": "Calls", "calls": []}
        await tell(service, from_="+15550002222")  # not for this token
        call = await tell(service, from_="+15550001111", to="+15550003333")
        [seen] = json.loads((await anext(events))[2])["calls"]
        assert (seen["callSid"], seen["from"], seen["to"], seen["state"]) == (
            call.sid,
            "+15550001111",
            "+15550003333",
            "live",
        )
        await call.end()
        assert json.loads((await anext(events))[2])["calls"] == []
        await events.aclose()


async def test_the_next_call_of_a_number_begins_by_itself(serve, mint, tell):
    service = serve()
    token = mint(numbers=["+15550001111"])
    url = f"{service.ws}/client?token={token}&number=%2B15550001111"
    async with patience(), connect(url, compression=None, proxy=None) as socket_:
        for words in ("first call", "second call"):
            call = await tell(service, to="+15550001111")
            call.say(words)
            seen = []
            async for text in socket_:
                message = json.loads(text)
                if message["type"] == "Over":  # of the call before, in its time
                    continue
                seen.append(message)
                if seen[-1]["type"] == "Results":
                    await call.end()  # not before it was seen: no call is over within a millisecond
                if seen[-1]["type"] == "CallEnded":
                    break
            assert {message["callSid"] for message in seen} == {call.sid}
            types = [m["type"] for m in seen if m["type"] not in ("Subscribed", "CaughtUp")]
            assert types == ["CallStarted", "Results", "CallEnded"]


async def test_an_event_stream_ends_with_its_token(service, mint, tell):
    call = await tell(service)
    token = mint(calls=["*"], ttl=TTL)
    seen = []
    async with httpx.AsyncClient(trust_env=False) as client:
        url = f"{service.url}/calls/{call.sid}/events?token={token}"
        seen += [event async for event in read_events(client, url)]
    assert [number for _, number, _ in seen] == ["1", None]
    name, _, data = seen[-1]
    assert (name, json.loads(data)) == ("close", {"code": 4401, "reason": "token expired"})


async def test_a_renewed_token_with_fewer_rights_ends_what_it_no_longer_allows(service, mint, tell):
    kept, lost = await tell(service), await tell(service)
    first = mint(calls=[kept.sid, lost.sid], subject="page")
    async with (
        patience(),
        connect(f"{service.ws}/client?token={first}", compression=None, proxy=None) as socket_,
    ):
        await socket_.recv()  # the list
        for call in (kept, lost):
            await socket_.send(json.dumps({"subscribe": call.sid}))
            while json.loads(await socket_.recv())["type"] != "CaughtUp":
                pass
        renewed = mint(calls=[kept.sid], subject="page")
        await socket_.send(json.dumps({"token": renewed}))
        assert json.loads(await socket_.recv())["type"] == "Token"
        error = json.loads(await socket_.recv())
        assert (error["type"], error["code"], error["callSid"]) == ("Error", 4403, lost.sid)
        lost.say("nothing for you")
        await lost.stored()
        kept.say("but this")
        message = json.loads(await socket_.recv())
        assert (message["callSid"], message["seq"]) == (kept.sid, 2)


async def test_who_asks_again_with_a_token_is_answered_and_has_the_rights_of_the_last_one(
    service, mint, tell
):
    """A page asks so whether the service is there."""
    call, other = await tell(service), await tell(service)
    wide, narrow = [mint(calls=[one.sid], subject="page") for one in (call, other)]
    async with (
        patience(),
        connect(f"{service.ws}/client?token={wide}", compression=None, proxy=None) as socket_,
    ):
        await socket_.recv()  # the list

        async def ask(token: str) -> str:
            await socket_.send(json.dumps({"token": token}))
            return json.loads(await socket_.recv())["type"]

        async def read() -> str:
            await socket_.send(json.dumps({"subscribe": call.sid}))
            return json.loads(await socket_.recv())["type"]

        assert [await ask(wide) for _ in range(3)] == ["Token"] * 3
        assert [await ask(narrow) for _ in range(3)] == ["Token"] * 3
        assert await read() == "Error"
        assert [await ask(wide), await read()] == ["Token", "Subscribed"]


async def test_event_streams_end_without_a_word_when_the_process_leaves(serve, token, tell):
    """So that an EventSource comes back by itself, to another process."""
    service = serve()
    call = await tell(service)
    url = f"{service.url}/calls/{call.sid}/events?token={token}"
    async with httpx.AsyncClient(trust_env=False) as client:
        events = read_events(client, url)
        assert (await anext(events))[1] == "1"
        stopping = asyncio.create_task(asyncio.to_thread(service.stop))
        assert [event async for event in events] == []
        assert await stopping == 0


# What reads a call

TUTORIAL_CLIENT = """
import asyncio, json, sys
from websockets.asyncio.client import connect

async def main(url):
    async with connect(url, proxy=None) as ws:
        calls = json.loads(await ws.recv())
        await ws.send(calls[0])
        async for message in ws:
            print(message, flush=True)

asyncio.run(main(sys.argv[1]))
"""


async def test_the_tutorials_own_way_of_reading_works(serve, token, tell):
    """Connect, read the array of calls, send a callSid, read."""
    service = serve()
    call = await tell(service)
    call.say("good morning")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        TUTORIAL_CLIENT,
        f"{service.ws}/client?token={token}",
        stdout=subprocess.PIPE,
    )
    await asyncio.wait_for(process.stdout.readline(), PATIENCE)
    await call.end()
    rest, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert [json.loads(line)["type"] for line in rest.splitlines()] == ["Results", "CallEnded"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
async def test_curl_follows_events_and_growing_captions(service, token, tell):
    call = await tell(service)
    addresses = (
        f"{service.url}/calls/{call.sid}/events",
        f"{service.url}/calls/{call.sid}/transcript.vtt?follow=true",
    )
    following = [
        await asyncio.create_subprocess_exec(
            "curl", "-sN", "-H", f"Authorization: Bearer {token}", url, stdout=subprocess.PIPE
        )
        for url in addresses
    ]
    for curl in following:
        await asyncio.wait_for(curl.stdout.readline(), PATIENCE)  # it is there
    call.say("Good morning.", 1.0)
    captions = following[1].stdout
    while (await asyncio.wait_for(captions.readline(), PATIENCE)) != b"<v Caller>Good morning.\n":
        pass  # while the call goes on
    await call.end()
    (events, _), (rest, _) = await asyncio.gather(*(curl.communicate() for curl in following))
    assert [line for line in events.splitlines() if line.startswith(b"id:")] == [
        b"id: 1",
        b"id: 2",
        b"id: 3",
    ]
    assert rest == b"\n"
    assert [curl.returncode for curl in following] == [0, 0]
