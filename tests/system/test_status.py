"""Status callbacks: the end of a call is recorded, whatever becomes of its socket."""

import asyncio
import contextlib
import os
import random
import signal
import time

import httpx
import pytest
from support.beside import resident
from support.credentials import AUTH_TOKEN
from support.sids import account_sid
from support.streams import media_stream
from support.webhooks import call_status, post

from bench.processes import free_port
from rehearsal.twilio import Options

LONG = "3600"  # seconds: no test waits for so long
# There is no Deepgram whose last words could be waited for.
WAITING = {"RESUME_SECONDS": LONG, "LEASE_SECONDS": LONG, "CLOSE_SECONDS": "1"}
FINAL = ("completed", "canceled")


def options(**changes) -> Options:
    return Options(auth_token=AUTH_TOKEN, account_sid=account_sid(1), **changes)


async def record_of(read, service, call_sid: str, token: str) -> dict:
    """Return how a call ended, by its last record."""
    reader = await read(service, call_sid, token=token)
    assert reader.close_code == 1000
    return reader.messages[-1]


@pytest.fixture(scope="module")
def pair(serve_many):
    """Two containers, of which neither ends a call by its own patience."""
    one = serve_many(**WAITING)
    return one, serve_many(NATS_URL=one.nats_url, **WAITING)


@contextlib.asynccontextmanager
async def live_call(owner, seen_at, read, token, **changes):
    """A call that is known at a container; yields its media stream."""
    async with media_stream(owner, options(**changes)) as stream:
        await stream.start()
        await stream.say("inbound", bytes(8000))
        await read(seen_at, stream.sids["callSid"], token=token, until='"CallStarted"')
        yield stream


@contextlib.asynccontextmanager
async def lost_call(service, read, token):
    """A call whose socket broke without a stop; yields its name."""
    async with live_call(service, service, read, token) as stream:
        call_sid = stream.sids["callSid"]
    yield call_sid


@pytest.mark.parametrize("told", ["its owner", "another container"])
async def test_a_call_whose_socket_died_ends_with_its_status(pair, read, token, told):
    owner, other = pair
    async with lost_call(owner, read, token) as call_sid:
        await call_status(owner if told == "its owner" else other, call_sid, "completed")
        ended = await record_of(read, other, call_sid, token)
    assert (ended["type"], ended["reason"], ended["callStatus"]) == (
        "CallEnded",
        "completed",
        "completed",
    )


@pytest.mark.parametrize("status", FINAL)
async def test_a_status_that_came_before_the_socket_died_ends_the_call_too(
    pair, read, token, status
):
    """Even before the media stream began: callbacks come in any order."""
    owner, other = pair
    call = options()
    await call_status(other, call.call_sid, status)
    async with live_call(owner, owner, read, token, call_sid=call.call_sid):
        pass
    ended = await record_of(read, other, call.call_sid, token)
    assert (ended["reason"], ended["callStatus"]) == ("completed", status)


async def test_a_media_stream_that_goes_on_is_heard_to_its_stop(pair, read, token):
    """Its last frames may be on the way when its call is over; and the end comes once."""
    owner, other = pair
    async with live_call(owner, owner, read, token) as stream:
        call_sid = stream.sids["callSid"]
        for service in (other, owner, other):
            await call_status(service, call_sid, "completed")
        await stream.say("inbound", bytes(8000))
        await stream.stop()
    await call_status(other, call_sid, "completed")
    reader = await read(other, call_sid, token=token)
    assert reader.types().count("CallEnded") == 1
    ended = reader.messages[-1]
    assert (ended["reason"], ended["callStatus"]) == ("completed", "completed")
    assert ended["duration"] >= 2.0


async def test_a_socket_that_is_open_and_silent_ends_with_its_call(pair, read, token):
    owner, other = pair
    async with live_call(owner, owner, read, token) as stream:
        call_sid = stream.sids["callSid"]
        await call_status(other, call_sid, "completed")
        assert (await stream.closed())[0] == 1000
    ended = await record_of(read, other, call_sid, token)
    assert (ended["reason"], ended["callStatus"]) == ("completed", "completed")


async def test_what_is_not_final_not_ours_or_of_a_child_ends_nothing(pair, read, token):
    """In any order, again and again, of calls that nobody knows too."""
    owner, other = pair
    source = random.Random(0)
    async with lost_call(owner, read, token) as call_sid:
        callbacks = [
            *({"CallSid": call_sid, "CallStatus": status} for status in ("in-progress", "ringing")),
            {"CallSid": call_sid, "CallStatus": "completed", "AccountSid": account_sid(7)},
            {"CallSid": f"CA{1:032x}", "CallStatus": "completed", "ParentCallSid": call_sid},
            {"CallSid": f"CA{2:032x}", "CallStatus": "completed"},
            {"CallSid": call_sid, "CallStatus": "a-new-word"},
            *(
                {"CallSid": call_sid, "StreamSid": f"MZ{1:032x}", "StreamEvent": event}
                for event in ("stream-started", "stream-stopped", "stream-error")
            ),
        ] * 2
        source.shuffle(callbacks)
        for number, form in enumerate(callbacks):
            answer = await post(source.choice(pair), SequenceNumber=str(number % 4), **form)
            assert answer.status_code == 204
        async with httpx.AsyncClient(trust_env=False) as http:
            listed = (await http.get(f"{other.url}/calls?token={token}")).json()["calls"]
        assert call_sid in [call["callSid"] for call in listed]
        await call_status(other, call_sid, "completed")
        await record_of(read, owner, call_sid, token)


async def test_a_call_whose_container_was_killed_ends_within_seconds_of_its_status(
    serve, nats, read, token
):
    settings = {"NATS_URL": nats.url, **WAITING}
    owner, other = serve(**settings), serve(**settings)
    async with live_call(owner, other, read, token) as stream:
        call_sid = stream.sids["callSid"]
        os.kill(owner.popen.pid, signal.SIGKILL)
        await stream.closed()
    begun = time.monotonic()
    await call_status(other, call_sid, "completed")
    ended = await record_of(read, other, call_sid, token)
    assert (ended["reason"], ended["callStatus"]) == ("completed", "completed")
    print(f"ended {time.monotonic() - begun:.1f} s after its status")


async def test_an_error_of_a_media_stream_is_said_in_words_and_counted(serve):
    port = str(free_port())
    service = serve(METRICS_PORT=port)
    call = {"CallSid": f"CA{1:032x}", "StreamSid": f"MZ{2:032x}", "StreamEvent": "stream-error"}
    await post(service, **call, StreamError="31921 - Stream - WebSocket - Close Error")
    line = await asyncio.to_thread(service.wait_for, "twilio: media stream in trouble")
    assert (line["status"], line["error"][:5]) == (31921, "31921")
    assert (line["call_sid"], line["stream_sid"]) == (call["CallSid"], call["StreamSid"])
    assert line["cause"] == "the server closed the connection"
    await post(service, **call, StreamError="something new")
    async with httpx.AsyncClient(trust_env=False) as http:
        metrics = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
    counted = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if "twilio" in line)
    assert counted['partyline_twilio_callbacks_total{kind="stream-error"}'] == "2.0"
    assert counted['partyline_twilio_callbacks_total{kind="call-completed"}'] == "0.0"
    assert counted['partyline_twilio_stream_errors_total{code="31921"}'] == "1.0"
    assert counted['partyline_twilio_stream_errors_total{code="other"}'] == "1.0"


@pytest.mark.parametrize(
    "form", [{}, {"CallSid": "*", "CallStatus": "completed"}, {"CallSid": f"CA{1:032x}"}]
)
async def test_a_callback_that_cannot_be_read_is_refused_in_words(pair, form):
    answer = await post(pair[0], **form)
    assert answer.status_code == 400
    assert answer.text.startswith(("CallSid is", "neither StreamEvent nor CallStatus"))


@pytest.mark.proof
async def test_a_storm_of_callbacks_costs_little_memory(serve, rounds):
    """Of a thousand calls and their legs a minute, and no container keeps any of them."""
    one = serve(fresh=True)
    other = serve(fresh=True, NATS_URL=one.nats_url)
    before = [resident(service.popen.pid, "VmRSS") for service in (one, other)]
    told = [("initiated", True), ("ringing", True), ("completed", True), ("completed", False)]
    for number in rounds(sample=20, full=2500):
        child, parent = f"CA{number:032x}", f"CA{10**9 + number:032x}"
        for status, of_child in told:
            legs = {"ParentCallSid": parent} if of_child else {}
            await call_status(one, child if of_child else parent, status, **legs)
    after = [resident(service.popen.pid, "VmRSS") for service in (one, other)]
    print(f"{before} MB before, {after} MB after")
    assert after[0] < before[0] + 10
    assert after[1] < before[1] + 5
