"""The stand-in for Deepgram over real sockets."""

import asyncio
import json
import socket
from typing import Any

import httpx
import pytest
from deepgram import AsyncDeepgramClient
from deepgram.core.events import EventType
from deepgram.environment import DeepgramClientEnvironment
from deepgram.listen.v1.types import ListenV1CloseStream
from support.timing import patience
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from rehearsal import audio
from rehearsal.deepgram import DeepgramStandIn, Faults
from rehearsal.errors import Refusal
from rehearsal.recognise import recognise, transcript
from rehearsal.scripted import names

QUERY = "?model=nova-3&encoding=mulaw&sample_rate=8000&interim_results=true&endpointing=300"
CLOSE = '{"type":"CloseStream"}'
SILENCE = b"\xff"


def session(
    stand_in: DeepgramStandIn, query: str = QUERY, authorization: str = "Token any", **more
):
    return connect(
        f"{stand_in.url}/v1/listen{query}",
        additional_headers={"Authorization": authorization} if authorization else {},
        proxy=None,
        **more,
    )


async def refusal(stand_in: DeepgramStandIn, *arguments, **more) -> tuple[int, str, dict]:
    with pytest.raises(InvalidStatus) as caught:
        await session(stand_in, *arguments, **more)
    response = caught.value.response
    body = json.loads(response.body)
    assert response.headers["dg-request-id"] == body["request_id"]
    assert response.headers["dg-error"] == body["err_msg"]
    return response.status_code, body["err_code"], body


async def test_the_handshake_names_the_request_and_offers_no_compression():
    async with DeepgramStandIn() as stand_in, session(stand_in, compression="deflate") as ws:
        assert "Sec-WebSocket-Extensions" not in ws.response.headers
        await ws.send(SILENCE * 8000)
        result = json.loads(await ws.recv())
        assert ws.response.headers["dg-request-id"] == result["metadata"]["request_id"]
        [connection] = stand_in.connections
        assert connection.request_id == result["metadata"]["request_id"]
        assert connection.query == QUERY[1:]


async def test_a_stream_is_answered_to_the_last_byte_and_the_server_closes(sound):
    speech = sound.noise(1.5) + SILENCE * 4321
    async with DeepgramStandIn() as stand_in:
        async with session(stand_in) as ws:
            for at in range(0, len(speech), 800):
                await ws.send(speech[at : at + 800])
            await ws.send(CLOSE)
            messages = [json.loads(text) async for text in ws]
        assert ws.close_code == 1000
        [connection] = stand_in.connections
        await connection.closed.wait()
        assert connection.closed_cleanly
        assert connection.received == speech
        assert connection.texts == [CLOSE]
        assert connection.seconds == len(speech) / 8000
        assert [json.loads(text) for text in connection.sent] == messages
    assert [message["type"] for message in messages[-2:]] == ["Results", "Metadata"]
    finals = [message for message in messages if message.get("is_final")]
    said = " ".join(m["channel"]["alternatives"][0]["transcript"] for m in finals).split()
    assert said == names(speech)


@pytest.mark.parametrize("authorization", ["Token k", "token k", "TOKEN k", "Bearer eyJ.a.b"])
async def test_a_key_or_a_jwt_opens_the_door(authorization):
    async with DeepgramStandIn() as stand_in:
        async with session(stand_in, authorization=authorization):
            pass
        assert len(stand_in.connections) == 1


@pytest.mark.parametrize("authorization", ["", "Token", "Token ", "Bearer k", "Basic k", "k"])
async def test_anything_else_is_401(authorization):
    async with DeepgramStandIn() as stand_in:
        answer = await refusal(stand_in, authorization=authorization)
        assert answer[:2] == (401, "INVALID_AUTH")
        assert stand_in.connections == []


async def test_a_browser_shows_its_key_as_a_subprotocol():
    async with DeepgramStandIn(key="secret") as stand_in:
        async with session(stand_in, authorization="", subprotocols=["token", "secret"]) as ws:
            assert ws.subprotocol == "token"
        await refusal(stand_in, authorization="", subprotocols=["token", "wrong"])


async def test_one_key_may_be_asked_for():
    async with DeepgramStandIn(key="secret") as stand_in:
        async with session(stand_in, authorization="Token secret"):
            pass
        assert (await refusal(stand_in, authorization="Token other"))[0] == 401


async def test_a_bad_query_and_another_path_are_refused():
    async with DeepgramStandIn() as stand_in:
        status, code, body = await refusal(stand_in, f"{QUERY}&utterance_end_ms=999")
        assert (status, code) == (400, "INVALID_QUERY_PARAMETER")
        assert body["err_msg"] == "Invalid 'utterance_end_ms' value of '999'."
        assert (await refusal(stand_in, f"/more{QUERY}"))[0] == 404


async def test_the_first_connects_may_be_refused_and_the_next_taken():
    busy, good = Faults(refuse=Refusal(429)), Faults()
    faults = lambda number: busy if number < 2 else good  # noqa: E731
    async with DeepgramStandIn(faults=faults) as stand_in:
        for _ in range(2):
            assert (await refusal(stand_in))[:2] == (429, "TOO_MANY_REQUESTS")
        async with session(stand_in):
            pass
        assert stand_in.handshakes == 3
        assert [refused.status for refused in stand_in.refusals] == [429, 429]
        assert [connection.number for connection in stand_in.connections] == [2]


async def test_silence_of_the_client_ends_it_with_a_summary_and_prose():
    async with (
        DeepgramStandIn(faults=Faults(idle_seconds=2)) as stand_in,
        session(stand_in) as ws,
    ):
        await ws.send(SILENCE * 8000)
        assert json.loads(await ws.recv())["type"] == "Results"
        summary = json.loads(await ws.recv())
        assert (summary["type"], summary["sha256"]) == ("Metadata", "incomplete")
        assert summary["duration"] == 1.0
        with pytest.raises(ConnectionClosedError) as caught:
            await ws.recv()
        assert caught.value.rcvd.code == 1011
        assert caught.value.rcvd.reason == (
            "Deepgram did not receive audio data or a text message within the timeout window. "
            "See https://dpgr.am/net0001"
        )
        [connection] = stand_in.connections
        await connection.closed.wait()
        assert not connection.closed_cleanly


async def keep_alive(ws, count: int, every: float = 0.1) -> None:
    for _ in range(count):
        await asyncio.sleep(every)
        await ws.send('{"type":"KeepAlive"}')


async def test_keepalive_holds_a_connection_that_has_answered():
    faults = Faults(idle_seconds=2, unanswered_seconds=2)
    async with DeepgramStandIn(faults=faults) as stand_in, session(stand_in) as ws:
        await ws.send(SILENCE * 8000)
        await ws.recv()
        await keep_alive(ws, 12, every=0.25)  # 3 s
        assert stand_in.connections[0].keepalives >= 11
        await ws.send(CLOSE)
        assert [json.loads(text)["type"] async for text in ws][-1] == "Metadata"


async def test_keepalive_alone_does_not_hold_a_fresh_connection():
    faults = Faults(idle_seconds=2, unanswered_seconds=4)
    async with DeepgramStandIn(faults=faults) as stand_in, session(stand_in) as ws:
        keeping = asyncio.create_task(keep_alive(ws, 100))
        assert json.loads(await ws.recv())["channels"] == 0
        with pytest.raises(ConnectionClosedError) as caught:
            await ws.recv()
        assert "net0000" in caught.value.rcvd.reason
        with pytest.raises(ConnectionClosedError):
            await keeping


async def test_audio_that_comes_too_fast_is_read_later_not_refused():
    loop = asyncio.get_running_loop()
    async with (
        DeepgramStandIn(faults=Faults(max_speed=4)) as stand_in,
        session(stand_in) as ws,
    ):
        begun = loop.time()
        for _ in range(20):
            await ws.send(SILENCE * 800)
        await ws.send(CLOSE)
        assert [json.loads(text)["type"] async for text in ws][-1] == "Metadata"
        assert loop.time() - begun >= 0.45  # 2 s of audio, but for the last piece
        assert ws.close_code == 1000


async def test_an_abrupt_end_is_noted():
    async with DeepgramStandIn() as stand_in:
        ws = await session(stand_in)
        await ws.send(SILENCE * 8000)
        await ws.recv()
        ws.transport.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        [connection] = stand_in.connections
        await connection.closed.wait()
        assert (connection.close_code, connection.closed_cleanly) == (1006, False)


async def test_what_is_received_is_written_down(tmp_path, sound):
    lines: list[str] = []
    speech = sound.noise(0.5)
    async with (
        DeepgramStandIn(keep=False, record=tmp_path, report=lines.append) as stand_in,
        session(stand_in) as ws,
    ):
        await ws.send(speech)
        await ws.send(CLOSE)
        async for _ in ws:
            pass
    [path] = tmp_path.iterdir()
    assert path.name.startswith("0000-")
    assert path.read_bytes() == speech
    assert lines[-1] == "connection 0: closed after 0.5 s of audio"
    assert stand_in.connections == []


async def test_fifty_calls_at_once_in_scripted_mode(sound):
    query = f"{QUERY}&channels=2&multichannel=true"
    speech = sound.noise(2.0) + SILENCE * 4000

    async def one() -> dict:
        async with session(stand_in, query) as ws:
            for at in range(0, len(speech), 1600):
                await ws.send(speech[at : at + 1600])
            await ws.send(CLOSE)
            return json.loads([text async for text in ws][-1])

    async with DeepgramStandIn() as stand_in:
        summaries = await asyncio.gather(*(one() for _ in range(50)))
    assert {summary["duration"] for summary in summaries} == {len(speech) / 16_000}
    assert len({summary["request_id"] for summary in summaries}) == 50


# The SDK's asynchronous client still uses the old interface of websockets, which says so.
@pytest.mark.filterwarnings("ignore:websockets.*deprecated:DeprecationWarning")
async def test_the_official_sdk_streams_a_file(moonshine, speech):
    """Interims, finals and Metadata arrive, and say what the recogniser says of the file."""
    recording = audio.read(speech / "psx-goforward.wav")
    messages: list[Any] = []
    async with DeepgramStandIn(moonshine) as stand_in:
        there = stand_in.url
        web = there.replace("ws:", "http:")
        environment = DeepgramClientEnvironment(
            base=web, production=there, agent=there, agent_rest=web
        )
        client = AsyncDeepgramClient(api_key="any", environment=environment)
        async with client.listen.v1.connect(
            model="nova-3",
            encoding="mulaw",
            sample_rate="8000",
            interim_results="true",
            smart_format="true",
            endpointing="300",
        ) as sdk:
            sdk.on(EventType.MESSAGE, messages.append)
            listening = asyncio.create_task(sdk.start_listening())
            for at in range(0, len(recording), 800):
                await sdk.send_media(recording[at : at + 800])
            await sdk.send_close_stream(ListenV1CloseStream(type="CloseStream"))
            async with patience():
                await listening  # the server closes, and only then does it end
    assert messages[-1].type == "Metadata"
    assert messages[-1].duration == pytest.approx(len(recording) / 8000)
    results = [message for message in messages if message.type == "Results"]
    assert any(r.channel.alternatives[0].transcript for r in results if not r.is_final)
    finals = [r.channel.alternatives[0].transcript for r in results if r.is_final]
    assert " ".join(filter(None, finals)) == transcript(recognise(recording, moonshine))
    assert "ten meters" in " ".join(finals).lower()


async def test_who_only_looks_whether_it_is_there_is_not_reported_as_a_client_that_is_refused():
    told: list[str] = []
    async with DeepgramStandIn(report=told.append) as standin:
        url = standin.url.replace("ws", "http", 1)
        async with httpx.AsyncClient(trust_env=False) as http:
            assert (await http.get(url)).status_code == 404
        assert told == []
        with pytest.raises(InvalidStatus):
            await connect(f"{standin.url}/elsewhere", proxy=None)
    assert "refused with HTTP 404" in told[0]
