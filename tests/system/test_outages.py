"""Containers and servers that die, a container that is cut off: what readers see of it."""

import asyncio
import time

import pytest
from support.brokers import kill_server
from support.cable import Cable
from support.credentials import AUTH_TOKEN
from support.streams import call_that_goes_on

from broker.server.embedded import EmbeddedServer
from rehearsal.twilio import HangUp, Options, place_call


def dense(messages) -> bool:
    return [message["seq"] for message in messages] == list(range(1, len(messages) + 1))


async def test_the_calls_of_a_killed_container_end_once_and_leave_the_list(
    serve, deepgram, nats, sound, read, token
):
    settings = {"NATS_URL": nats.url, "LEASE_SECONDS": "2", "RESUME_SECONDS": "2"}
    victim = serve(DEEPGRAM_URL=deepgram.url, **settings)
    others = [serve(DEEPGRAM_URL=deepgram.url, **settings) for _ in range(3)]
    call = Options(auth_token=AUTH_TOKEN)
    spoken = sound.bursts(1, 3)
    silence = b"\xff" * 8000 * 60
    calling = asyncio.create_task(place_call(f"{victim.ws}/twilio", spoken + silence, b"", call))
    last = sound.words_of(spoken)[-1]
    while last not in (await read(others[0], call.call_sid, token=token, until=last)).words(
        "inbound"
    ):
        pass  # it was an interim
    reading = [asyncio.create_task(read(other, call.call_sid, token=token)) for other in others]
    await asyncio.sleep(2)  # a lease: the owner has said since that it lives
    victim.popen.kill()
    killed = time.monotonic()
    readers = await asyncio.gather(*reading)
    took = time.monotonic() - killed
    await calling
    for reader in readers:
        assert reader.records == readers[0].records
        assert reader.close_code == 1000
    assert dense(readers[0].messages)
    assert readers[0].types() == ["CallStarted", "Gap", "CallEnded"]
    final, gap, ended = readers[0].messages[-3:]
    assert gap["start"] == pytest.approx(final["start"] + final["duration"], abs=0.001)
    assert (gap["reason"], ended["reason"]) == ("owner-lost", "crashed")
    print(f"killed; its call had ended {took:.1f} s later (lease 2 s, grace 2 s)")


@pytest.mark.proof
async def test_a_server_that_is_killed_under_calls_costs_no_record(
    rounds, deepgram, serve, sound, read, token, tmp_path
):
    calls = len(rounds(sample=5, full=50))
    outage, seconds = (10, 30) if calls == 50 else (2, 8)
    store = str(tmp_path)
    async with EmbeddedServer(store) as first:
        port = int(first.url.rpartition(":")[2])
        # What a busy machine sends late is not lost by the outage.
        service = serve(DEEPGRAM_URL=deepgram.url, NATS_URL=first.url, MIX_WAIT_MS="5000")
        inbound, outbound = sound.bursts(1, seconds), sound.bursts(2, seconds)

        async def one(number: int):
            await asyncio.sleep(number / 25)
            call = Options(auth_token=AUTH_TOKEN, seed=number)
            staying = asyncio.create_task(read(service, call.call_sid, token=token))
            report = await place_call(f"{service.ws}/twilio", inbound, outbound, call)
            assert report.ok
            return call.call_sid, await staying

        carrying = [asyncio.create_task(one(number)) for number in range(calls)]
        await asyncio.sleep(seconds / 3)
        await kill_server(first)
        await asyncio.sleep(outage)
        async with EmbeddedServer(store, port=port):
            for call_sid, stayed in await asyncio.gather(*carrying):
                assert dense(stayed.messages)
                assert stayed.words("inbound") == sound.words_of(inbound)
                assert stayed.words("outbound") == sound.words_of(outbound)
                assert stayed.types() == ["CallStarted", "CallEnded"]
                late = await read(service, call_sid, token=token)
                assert late.records == stayed.records
            service.stop()


@pytest.mark.proof
async def test_a_container_that_is_cut_off_goes_on_and_doubles_nothing(
    rounds, serve, deepgram, nats, sound, read, token
):
    """60 s without NATS in mid-call, longer than a lease: another container looks on."""
    away = len(rounds(sample=3, full=60))
    settings = {"LEASE_SECONDS": "20" if away == 60 else "2", "RESUME_SECONDS": "60"}
    async with Cable(int(nats.url.rpartition(":")[2])) as cable:
        near = serve(DEEPGRAM_URL=deepgram.url, NATS_URL=nats.url, **settings)
        cut_off = f"nats://127.0.0.1:{cable.port}"
        far = serve(wait=False, DEEPGRAM_URL=deepgram.url, NATS_URL=cut_off, **settings)
        await asyncio.to_thread(far.wait_for, "ready")
        call = Options(auth_token=AUTH_TOKEN)
        inbound = sound.bursts(1, away + 6)
        reading = asyncio.create_task(read(near, call.call_sid, token=token))
        calling = asyncio.create_task(place_call(f"{far.ws}/twilio", inbound, b"", call))
        await read(near, call.call_sid, token=token, until=sound.words_of(inbound)[1])
        cable.cut()
        await asyncio.sleep(away)
        cable.mend()
        report = await calling
        reader = await reading
        assert report.ok
        assert dense(reader.messages)
        assert reader.words("inbound") == sound.words_of(inbound)
        assert reader.types() == ["CallStarted", "CallEnded"]
        assert reader.messages[-1]["reason"] == "completed"
        far.stop()


async def test_a_stream_that_was_lost_is_taken_up_by_another_container(
    deepgram, serve, nats, sound, read, token
):
    first, second = (serve(DEEPGRAM_URL=deepgram.url, NATS_URL=nats.url) for _ in range(2))
    begun = Options(auth_token=AUTH_TOKEN, hang_up=HangUp.RESET)
    again = Options(auth_token=AUTH_TOKEN, call_sid=begun.call_sid, account_sid=begun.account_sid)
    one, two = sound.bursts(1, 4), sound.bursts(2, 3)
    reading = asyncio.create_task(read(second, begun.call_sid, token=token))
    async with call_that_goes_on(f"{first.ws}/twilio", one, b"", begun):
        await read(second, begun.call_sid, token=token, until=sound.words_of(one)[0])
        # While the first is alive, a replayed handshake takes nothing over, wherever it comes in.
        intruder = await place_call(f"{second.ws}/twilio", two, b"", again)
        assert intruder.close_code == 1008

    async def refused() -> bool:
        return (await place_call(f"{second.ws}/twilio", two, b"", again)).close_code == 1008

    while await refused():  # noqa: ASYNC110  who is alive is asked of the service
        await asyncio.sleep(0.2)
    reader = await reading
    assert dense(reader.messages)
    assert reader.words("inbound") == sound.words_of(one) + sound.words_of(two)
    assert [kind for kind in reader.types() if kind != "Gap"] == [
        "CallStarted",
        "CallResumed",
        "CallEnded",
    ]
    for service in (first, second):
        await asyncio.to_thread(service.stop)  # while its recogniser can answer
