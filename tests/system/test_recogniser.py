"""What subscribers see when Deepgram falls silent, is late, refuses or is away."""

import asyncio

import httpx
import pytest
from support.credentials import AUTH_TOKEN
from support.timing import UNIT

from bench.processes import resident_mb
from rehearsal.deepgram import DeepgramStandIn, Faults
from rehearsal.errors import Refusal
from rehearsal.twilio import Options, place_call


def first_only(**faults):
    """Treat the first call's connection badly, and the others well; 0 is the one at the start."""
    return lambda number: Faults(**faults) if number == 1 else Faults()


async def carry(service, read, token, inbound: bytes, outbound: bytes = b"", **changes):
    """Carry a call with one subscriber; returns what Twilio and what the subscriber saw."""
    call = Options(auth_token=AUTH_TOKEN, **changes)
    reading = asyncio.create_task(read(service, call.call_sid, token=token))
    report = await place_call(f"{service.ws}/twilio", inbound, outbound, call)
    return report, await reading


@pytest.mark.proof
async def test_subscribers_are_told_within_5_s_that_the_recogniser_fell_silent(
    rounds, serve, sound, read, token
):
    """Audio that flows is what they are counted in: by the clock they are judged strictly alone."""
    times = [
        await told_of_silence(seed, serve, sound, read, token) for seed in rounds(sample=1, full=3)
    ]
    # The last results may be stored late, too, on a busy machine.
    earliest, latest = (3.5, 5.0) if len(times) > 1 else (2.0, 15 * UNIT)
    assert earliest < min(times)
    assert max(times) <= latest
    print(f"fell silent: told after {max(times):.2f} s at the most")


async def told_of_silence(seed: int, serve, sound, read, token) -> float:
    """Return how long after the last results subscribers were told, in seconds."""
    async with DeepgramStandIn(faults=first_only(mute_after=3)) as deepgram:
        service = serve(DEEPGRAM_URL=deepgram.url)
        inbound = sound.bursts(seed, 9)
        report, reader = await carry(service, read, token, inbound)
    assert report.ok
    assert reader.words("inbound") == sound.words_of(inbound)
    assert reader.types() == ["CallStarted", "Recogniser", "Recogniser", "CallEnded"]
    down, up = (message for message in reader.messages if message["type"] == "Recogniser")
    assert (down["state"], up["state"]) == ("down", "up")
    assert down["reason"].startswith("no results for 4 s while audio flows (request ")
    said = [message["at"] for message in reader.all_messages if message["type"] == "Results"]
    last: int = max(at for at in said if at < down["at"])
    return (down["at"] - last) / 1000


async def test_the_last_finals_come_before_the_end_however_late(serve, sound, read, token):
    async with DeepgramStandIn(faults=Faults(last_delay=3)) as deepgram:
        service = serve(DEEPGRAM_URL=deepgram.url)
        inbound, outbound = sound.bursts(2, 3), sound.bursts(3, 3)
        _, reader = await carry(service, read, token, inbound, outbound)
    assert reader.words("inbound") == sound.words_of(inbound)
    assert reader.words("outbound") == sound.words_of(outbound)
    assert reader.types() == ["CallStarted", "CallEnded"]
    assert reader.messages[-1]["requestIds"] == [deepgram.heard[0].request_id]


async def test_a_recogniser_that_never_closes_ends_by_the_deadline(serve, sound, read, token):
    async with DeepgramStandIn(faults=Faults(never_close=True)) as deepgram:
        service = serve(DEEPGRAM_URL=deepgram.url, CLOSE_SECONDS="1")
        # All is final before the end: what is not by the deadline may be lost.
        inbound = sound.bursts(4, 3) + b"\xff" * 12_000
        _, reader = await carry(service, read, token, inbound)
        assert service.wait_for("deepgram did not close")["waited"] == 1
    assert reader.words("inbound") == sound.words_of(inbound)
    assert reader.types() == ["CallStarted", "CallEnded"]


async def test_a_refusal_for_good_is_one_attempt_one_record_one_line(serve, sound, read, token):
    statuses = (400, 401, 402, 403, 405)
    await asyncio.gather(*(refused(status, serve, sound, read, token) for status in statuses))


async def refused(status: int, serve, sound, read, token) -> None:
    async with DeepgramStandIn(faults=Faults(refuse=Refusal(status))) as deepgram:
        # In a thread: five begin at once, and none is to stand still while another starts.
        service = await asyncio.to_thread(serve, DEEPGRAM_URL=deepgram.url)
        report, reader = await carry(service, read, token, sound.bursts(5, 2))
    assert report.ok
    assert deepgram.handshakes == 2  # with the one at the start
    assert reader.types() == ["CallStarted", "Recogniser", "Gap", "CallEnded"]
    [down] = [message for message in reader.messages if message["type"] == "Recogniser"]
    assert down["reason"].startswith(f"HTTP {status}: ")
    assert "(request " in down["reason"]
    lines = [line for line in service.lines if line.get("event") == "deepgram lost"]
    assert [line["retry"] for line in lines] == [False]


@pytest.mark.proof
async def test_calls_that_go_well_raise_no_alarm(rounds, serve, deepgram, sound, read, token):
    """An hour of calls: nobody is told that the recogniser was away."""
    minutes = len(rounds(sample=1, full=60))
    calls, seconds = (30, 120) if minutes == 60 else (6, 5)
    # Made before: whoever makes sound keeps the loop from all else, the stand-in too.
    callers = [sound.bursts(one, seconds) for one in range(calls)]
    callee = sound.bursts(99, seconds)
    service = serve(DEEPGRAM_URL=deepgram.url)

    async def one(number: int):
        await asyncio.sleep(number / 20)
        inbound = callers[number]
        _, reader = await carry(service, read, token, inbound, callee)
        assert reader.words("inbound") == sound.words_of(inbound)
        return reader.types()

    for types in await asyncio.gather(*map(one, range(calls))):
        assert types == ["CallStarted", "CallEnded"]
    assert deepgram.handshakes == calls + 1  # the one at the start


@pytest.mark.proof
async def test_memory_is_bounded_while_the_recogniser_is_away(rounds, serve, sound, read, token):
    """As long as the buffer lasts memory grows, and then no more: a figure for each call."""
    calls = len(rounds(sample=4, full=20))
    buffer = 60 if calls == 20 else 2
    callers = [sound.bursts(number, 1.7 * buffer) for number in range(calls)]
    lasting = {"REPLAY_SECONDS": str(buffer), "CLOSE_SECONDS": "1"}
    service = serve(fresh=True, DEEPGRAM_URL="ws://127.0.0.1:1", **lasting)
    sizes = {}
    # What the first token has loaded is no call's.
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as client:
        assert (await client.get(f"{service.url}/calls")).status_code == 200

    async def one(number: int):
        await carry(service, read, token, callers[number], seed=number)

    async def measure():
        sizes["begin"] = resident_mb(service.popen.pid)
        await asyncio.sleep(1.2 * buffer)
        sizes["full"] = resident_mb(service.popen.pid)
        await asyncio.sleep(0.4 * buffer)
        sizes["end"] = resident_mb(service.popen.pid)

    await asyncio.gather(measure(), *map(one, range(calls)))
    each = (sizes["end"] - sizes["begin"]) / calls
    print(f"{buffer} s of buffer, {calls} calls: {each:.2f} MB a call")
    assert sizes["end"] - sizes["full"] < 0.1 * calls + 3
    assert each < 0.016 * buffer * 1.5 + 1
