"""Media streams as they come: spelled, split, begun anew and broken as nobody's manual has it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import nats as nats_client
import pytest
from nats.aio.msg import Msg
from support import schemas
from support.credentials import AUTH_TOKEN
from support.processes import Service
from support.streams import media_stream
from support.timing import until

from broker.server.embedded import EmbeddedServer
from handler.refusals import LINES
from rehearsal.twilio import Options

LONG = "x" * 600
ELSEWHERE = (
    'another container has this call\'s other track: send both in one stream, track="both_tracks"'
)
# As long as can be: nothing of a side is late, however busy the machine is that sends it.
MIX_WAIT_MS = "5000"
Records = list[dict[str, Any]]


@asynccontextmanager
async def tapped(nats: EmbeddedServer, call_sid: str) -> AsyncIterator[Records]:
    """Collect the records of a call as NATS has them: ends do not end that."""
    records: Records = []

    async def take(message: Msg) -> None:
        if (record := json.loads(message.data)).get("seq"):
            schemas.check(record)
            records.append(record)

    client = await nats_client.connect(nats.url)
    await client.subscribe(f"transcripts.*.{call_sid}.>", cb=take)
    await client.flush()
    try:
        yield records
    finally:
        await client.close()


def of(records: Records, kind: str) -> Records:
    return [record for record in records if record["type"] == kind]


def ended(records: Records, times: int = 1) -> bool:
    return len(of(records, "CallEnded")) == times


def words(records: Records, track: str) -> list[str]:
    said = [record for record in of(records, "Results") if record["track"] == track]
    texts = [record["channel"]["alternatives"][0]["transcript"] for record in said]
    return " ".join(texts).split()


@pytest.fixture(scope="module")
def service(serve_many):
    return serve_many()


@pytest.mark.parametrize(
    "changes",
    [
        {"customParameters": {"attempt": 3, "From": "+15550100001", "TO": "+15550100002"}},
        {"customParameters": {"note": LONG, "Caller": "+15550100001", "Called": "+15550100002"}},
        {"customParameters": {"beta": True, "from": "+15550100001", "to_number": "+15550100002"}},
    ],
)
async def test_numbers_are_read_beside_parameters_that_cannot_be(service, read, token, changes):
    async with media_stream(service) as stream:
        await stream.start(**changes)
        await stream.stop()
    reader = await read(service, stream.sids["callSid"], token=token)
    assert reader.types() == ["CallStarted", "CallEnded"]
    started = reader.messages[0]
    assert (started["from"], started["to"]) == ("+15550100001", "+15550100002")


@pytest.mark.parametrize(
    "changes", [{"customParameters": None}, {"customParameters": []}, {"tracks": None}]
)
async def test_an_optional_value_that_cannot_be_used_costs_no_call(service, read, token, changes):
    async with media_stream(service) as stream:
        await stream.start(**changes)
        await stream.stop()
    reader = await read(service, stream.sids["callSid"], token=token)
    assert reader.types() == ["CallStarted", "CallEnded"]


@pytest.mark.parametrize(
    ("changes", "code", "reason"),
    [
        ({"accountSid": ""}, 1008, "start.accountSid is '', not AC and 32 hexadecimal digits"),
        ({"accountSid": None}, 1008, "start.accountSid is missing"),
        ({"callSid": "0e8b1f6e-1111"}, 1008, "start.callSid is '0e8b1f6e-1111', not CA and"),
        ({"streamSid": "MZ1"}, 1008, "start.streamSid is 'MZ1', not MZ and 32 hexadecimal digits"),
        ({"mediaFormat": {"encoding": "audio/x-l16"}}, 1003, "media format audio/x-l16/8000/1: "),
        ({"mediaFormat": {"sampleRate": "8k"}}, 1003, "start.mediaFormat.sampleRate is no number"),
    ],
)
async def test_a_start_that_cannot_be_used_is_closed_at_once_with_the_name_of_the_field(
    service, changes, code, reason
):
    async with media_stream(service) as stream:
        await stream.start(**changes)
        closed = await stream.closed()
    assert closed[0] == code
    assert (closed[1] or "").startswith(reason)


async def test_whoever_is_refused_again_and_again_fills_no_log(serve, deepgram, nats):
    """Signed as Twilio's are: streams that begin with what cannot be read, and then not at all."""
    service = serve(DEEPGRAM_URL=deepgram.url, NATS_URL=nats.url)
    for _ in range(LINES + 10):
        async with media_stream(service) as stream:
            await stream.send(event="media", media={})
            await stream.start(callSid="")
            assert (await stream.closed())[0] == 1008
    service.stop()
    for event in ("media stream refused", "bad message from twilio"):
        assert len([line for line in service.lines if line.get("event") == event]) == LINES


async def test_a_pause_is_told_when_the_call_goes_on_here_or_elsewhere(
    serve, deepgram, nats, sound
):
    """Stop and start, twice: in one container, then in another."""
    settings = {"DEEPGRAM_URL": deepgram.url, "NATS_URL": nats.url}
    one, other = serve(**settings), serve(**settings)
    call = Options(auth_token=AUTH_TOKEN)
    audio = [sound.bursts(30 + number, 0.5) for number in range(3)]
    async with tapped(nats, call.call_sid) as records:
        for number, (service, said) in enumerate(zip((one, one, other), audio, strict=True)):
            async with media_stream(service, call) as stream:
                await stream.start()
                await stream.say("inbound", said)
                await stream.stop()
            await until(partial(ended, records, number + 1))
            await asyncio.sleep(0.7)  # more than was said at once: the pause that is to be told
    assert [message["type"] for message in records if message["type"] != "Results"] == [
        *("CallStarted", "CallEnded"),
        *("CallResumed", "Gap", "CallEnded"),
        *("CallResumed", "Gap", "CallEnded"),
    ]
    assert words(records, "inbound") == [word for said in audio for word in sound.words_of(said)]
    resumed, ends = of(records, "CallResumed"), of(records, "CallEnded")
    for number, gap in enumerate(of(records, "Gap")):
        assert (gap["reason"], gap["track"]) == ("paused", None)
        assert gap["seq"] == resumed[number]["seq"] + 1
        assert gap["start"] == ends[number]["duration"]
        # Where the next stream began: by the wall clock, and before it was claimed.
        assert gap["start"] < gap["end"]
        assert gap["end"] <= (resumed[number]["at"] - records[0]["startedAt"]) / 1000
        later = [m for m in of(records, "Results") if m["seq"] > gap["seq"]]
        assert min(message["start"] for message in later) >= gap["end"]


def sibling(call: Options) -> Options:
    """Another media stream of the same call."""
    return Options(auth_token=call.auth_token, account_sid=call.account_sid, call_sid=call.call_sid)


async def test_two_streams_of_one_track_each_are_one_call(serve, deepgram, nats, sound):
    service = serve(DEEPGRAM_URL=deepgram.url, NATS_URL=nats.url, MIX_WAIT_MS=MIX_WAIT_MS)
    call = Options(auth_token=AUTH_TOKEN)
    inbound, outbound = sound.bursts(40, 3), sound.bursts(41, 3)
    async with (
        tapped(nats, call.call_sid) as records,
        media_stream(service, call) as one,
        media_stream(service, sibling(call)) as other,
    ):
        await one.start(["inbound"])
        await other.start(["outbound"])
        async with media_stream(service, sibling(call)) as double:
            await double.start(["inbound"])
            assert await double.closed() == (
                1008,
                "a media stream of this call is alive, and both sides are heard",
            )
        await asyncio.gather(one.say("inbound", inbound), other.say("outbound", outbound))
        await one.stop()
        await asyncio.to_thread(service.wait_for, "media stream over")
        assert not of(records, "CallEnded")
        await other.stop()
        await until(partial(ended, records))
    kinds = [message["type"] for message in records if message["type"] != "Results"]
    assert kinds == ["CallStarted", "CallEnded"]
    assert records[-1]["reason"] == "completed"
    assert words(records, "inbound") == sound.words_of(inbound)
    assert words(records, "outbound") == sound.words_of(outbound)
    assert len(deepgram.heard) == 1
    advice = service.wait_for("media stream of one track: the other side of the call is not heard")
    assert 'track="both_tracks"' in advice["advice"]


def count(service: Service, event: str) -> int:
    return sum(line.get("event") == event for line in service.lines)


async def test_a_stream_of_both_tracks_beside_one_of_a_single_track_brings_the_other_side(
    serve, deepgram, nats, sound
):
    """Each side is heard once, and goes on where it is still sent."""
    service = serve(DEEPGRAM_URL=deepgram.url, NATS_URL=nats.url, MIX_WAIT_MS=MIX_WAIT_MS)
    call = Options(auth_token=AUTH_TOKEN)
    inbound = sound.bursts(45, 0.5), sound.bursts(46, 0.5)
    outbound = sound.bursts(47, 0.5), sound.bursts(48, 0.5)
    async with (
        tapped(nats, call.call_sid) as records,
        media_stream(service, call) as one,
        media_stream(service, sibling(call)) as both,
    ):
        await one.start(["inbound"])
        await asyncio.to_thread(service.wait_for, "media stream begins")
        await both.start(["inbound", "outbound"])
        await until(lambda: count(service, "media stream begins") == 2)
        await one.say("inbound", inbound[0])
        for track, said in (("outbound", outbound[0]), ("inbound", inbound[0])):
            await both.say(track, said)
        await one.stop()
        await asyncio.to_thread(service.wait_for, "media stream over")
        for track, said in (("inbound", inbound[1]), ("outbound", outbound[1])):
            await both.say(track, said, at=1000)
        await both.stop()
        await until(partial(ended, records))
    assert not of(records, "CallResumed")
    for track, said in (("inbound", inbound), ("outbound", outbound)):
        assert words(records, track) == sound.words_of(said[0]) + sound.words_of(said[1])
    told = service.wait_for("track sent twice: it is heard of the media stream that had it first")
    assert told["tracks"] == ["inbound"]


async def test_either_of_two_streams_of_one_track_may_be_lost_and_come_back(
    serve, deepgram, nats, sound
):
    service = serve(DEEPGRAM_URL=deepgram.url, NATS_URL=nats.url, MIX_WAIT_MS=MIX_WAIT_MS)
    call = Options(auth_token=AUTH_TOKEN)
    before, after, outbound = sound.bursts(42, 0.5), sound.bursts(43, 0.5), sound.bursts(44, 2)
    async with tapped(nats, call.call_sid) as records, media_stream(service, call) as other:
        await other.start(["outbound"])
        begun = time.monotonic()
        async with media_stream(service, sibling(call)) as one:
            await one.start(["inbound"])
            await one.say("inbound", before)
        await asyncio.to_thread(service.wait_for, "media stream over")
        await asyncio.sleep(0.7)  # more than was said at once: the loss that is to be told
        async with media_stream(service, sibling(call)) as again:
            await again.start(["inbound"])
            await again.say("inbound", after)
            await other.say("outbound", outbound, at=round(1000 * (time.monotonic() - begun)))
            await other.stop()
            await again.stop()
        await until(partial(ended, records))
    kinds = [message["type"] for message in records if message["type"] != "Results"]
    assert kinds == ["CallStarted", "Gap", "CallEnded"]
    assert words(records, "inbound") == sound.words_of(before) + sound.words_of(after)
    assert words(records, "outbound") == sound.words_of(outbound)
    [gap] = of(records, "Gap")
    assert (gap["reason"], gap["track"]) == ("media-lost", "inbound")
    said = [
        word
        for message in of(records, "Results")
        if message["track"] == "inbound"
        for word in message["channel"]["alternatives"][0]["words"]
    ]
    heard_before = len(sound.words_of(before))
    assert said[heard_before - 1]["end"] <= gap["start"] < gap["end"] <= said[heard_before]["start"]


async def test_of_two_streams_in_two_containers_one_is_told_to_send_both_tracks(
    serve, deepgram, nats, sound
):
    """Both come at once, before either container can have heard of the other's."""
    settings = {"DEEPGRAM_URL": deepgram.url, "NATS_URL": nats.url}
    one, other = serve(**settings), serve(**settings)
    call = Options(auth_token=AUTH_TOKEN)
    inbound = sound.bursts(45, 1)
    async with (
        tapped(nats, call.call_sid) as records,
        media_stream(one, call) as first,
        media_stream(other, sibling(call)) as second,
    ):
        await asyncio.gather(first.start(["inbound"]), second.start(["outbound"]))
        await asyncio.wait(
            closing := [asyncio.create_task(stream.closed()) for stream in (first, second)],
            return_when=asyncio.FIRST_COMPLETED,
        )
        [refused] = [task.result() for task in closing if task.done()]
        assert refused == (1008, ELSEWHERE)
        kept, track = (first, "inbound") if closing[1].done() else (second, "outbound")
        await kept.say(track, inbound)
        await kept.stop()
        await asyncio.wait(closing)
        await until(partial(ended, records))
    kinds = [message["type"] for message in records if message["type"] != "Results"]
    assert kinds == ["CallStarted", "CallEnded"]
    assert words(records, track) == sound.words_of(inbound)
