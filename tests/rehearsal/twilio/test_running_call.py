"""Running calls: TwiML, legs, streams and callbacks, seen by a server that Twilio calls."""

import asyncio
import base64
import itertools
import time
from dataclasses import replace
from typing import Any

import pytest
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from support.timing import until
from support.twilio_sdk import CALLED, CALLER, OTHER

from rehearsal.twilio import Options
from rehearsal.twilio.behaviour import Callee
from rehearsal.twilio.delivery import Delivery
from rehearsal.twilio.legs import Status

MINUTE = '<Pause length="60"/>'
HOUR = '<Pause length="3600"/>'  # longer than a busy machine makes a test


def response(*verbs: str):
    """Answer a document."""
    return lambda _: f"<Response>{''.join(verbs)}</Response>"


def start(url: str, **attributes: str) -> str:
    said = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f'<Start><Stream url="{url}"{said}/></Start>'


def audio_of(messages: list[dict[str, Any]], track: str = "inbound") -> bytes:
    media = [m["media"] for m in messages if m["event"] == "media"]
    return b"".join(base64.b64decode(m["payload"]) for m in media if m["track"] == track)


async def answered(call) -> None:
    await until(lambda: call.clock is not None)


async def test_a_call_asks_for_twiml_with_a_signed_form_and_blank_parameters(twilio, server):
    call = twilio.call(CALLED, CALLER)
    await call.over.wait()
    [asked] = server.asked
    assert asked.signed
    assert asked.form["CallSid"] == call.leg.sid
    assert (asked.form["CallStatus"], asked.form["Direction"]) == ("ringing", "inbound")
    assert (asked.form["From"], asked.form["Caller"]) == (CALLER, CALLER)
    assert (asked.form["To"], asked.form["FromCity"]) == (CALLED, "")
    assert "ParentCallSid" not in asked.form


async def test_nothing_after_start_ends_the_call(twilio, server):
    server.answers["/voice"] = response(start(server.stream_url))
    call = twilio.call(CALLED, CALLER, inbound=b"\x10" * 800_000)
    await call.over.wait()
    assert call.leg.status is Status.COMPLETED
    assert call.forks.all[0].error == ""


async def test_a_call_has_a_child_leg_of_its_own_and_ends_when_all_is_said(
    twilio, server, account, sound
):
    number = account.numbers.find(CALLED)
    number.status_callback = f"{server.url}/parent"
    # Longer than a stream takes to begin: it is to hear the conversation from its beginning.
    account.behaviour = replace(account.behaviour, callees={OTHER: Callee(ring_seconds=40)})
    server.answers["/voice"] = response(
        start(server.stream_url, track="both_tracks", statusCallback=f"{server.url}/stream"),
        f'<Dial timeout="60"><Number statusCallback="/child" statusCallbackEvent="initiated '
        f'ringing answered completed">{OTHER}</Number></Dial>',
    )
    caller, callee = sound.noise(1.0), sound.noise(0.8, seed=2)
    call = twilio.call(CALLED, CALLER, inbound=caller, outbound=callee)
    await call.over.wait()
    child = await server.told("/child", 4)
    assert [form["CallStatus"] for form in child] == [
        "initiated",
        "ringing",
        "in-progress",
        "completed",
    ]
    assert [form["SequenceNumber"] for form in child] == ["0", "1", "2", "3"]
    assert {form["ParentCallSid"] for form in child} == {call.leg.sid}
    assert {form["Direction"] for form in child} == {"outbound-dial"}
    assert {form["CallSid"] for form in child}.isdisjoint({call.leg.sid})
    [parent] = await server.told("/parent", 1)
    assert (parent["CallStatus"], parent["SequenceNumber"]) == ("completed", "0")
    assert int(parent["Duration"]) == -(-int(parent["CallDuration"]) // 60)
    streams = await server.told("/stream", 2)
    assert [form["StreamEvent"] for form in streams] == ["stream-started", "stream-stopped"]
    assert [asked.path for asked in server.asked if not asked.signed] == []
    await server.stopped(1)
    [messages] = server.streams
    assert messages[1]["start"]["callSid"] == call.leg.sid
    assert caller in audio_of(messages)
    assert callee in audio_of(messages, "outbound")
    first = {m["media"]["track"]: i for i, m in reversed([*enumerate(messages)]) if "media" in m}
    assert first["inbound"] < first["outbound"]  # the phone rings


async def test_a_stream_that_is_late_brings_all_that_was_said_before_the_call_ended(
    twilio, server, sound
):
    server.answers["/voice"] = response(start(server.stream_url), MINUTE)
    caller = sound.noise(1.0)
    call = twilio.call(CALLED, CALLER, inbound=caller)
    await until(lambda: call.forks.all and call.forks.all[0].begun is not None)
    time.sleep(2)  # noqa: ASYNC251  the machine has other work, for longer than the call lasts
    await call.over.wait()
    await server.stopped(1)
    assert caller in audio_of(server.streams[0])


async def test_streams_of_a_call_carry_the_same_audio_by_clocks_of_their_own(
    twilio, server, sdk, sound
):
    server.answers["/voice"] = response(start(server.stream_url), HOUR)
    caller = sound.noise(30) * 40
    call = twilio.call(CALLED, CALLER, inbound=caller)
    await until(lambda: server.streams and len(server.streams[0]) > 40)
    await sdk.do(lambda c: c.calls(call.leg.sid).streams.create(url=server.stream_url))
    await until(lambda: len(server.streams) > 1 and len(server.streams[1]) > 200)
    call.hang_up()
    await call.over.wait()
    await server.stopped(2)
    first, second = server.streams
    sids = {messages[1]["start"]["streamSid"] for messages in server.streams}
    assert len(sids) == 2
    for messages in (first, second):
        numbers = [int(m["sequenceNumber"]) for m in messages[1:]]
        assert numbers == list(range(1, len(messages)))
        assert int(messages[2]["media"]["timestamp"]) < 205
    whole, part = audio_of(first), audio_of(second)
    at = whole.find(part[:1600])
    assert at > 0
    assert at % 160 == 0
    same = min(len(whole) - at, len(part))
    assert whole[at : at + same] == part[:same]


async def test_a_stream_may_be_cut_differently_and_coded_again(twilio, server, account, sound):
    def stream(number: int) -> Options:
        return Options(cut=57, noise=0.1, frame_ms=(30, 10)) if number else Options()

    account.behaviour = replace(account.behaviour, streams=stream)
    url = server.stream_url
    server.answers["/voice"] = response(start(url), start(url), MINUTE)
    call = twilio.call(CALLED, CALLER, inbound=sound.noise(30))
    await call.over.wait()
    one, other = call.forks.all
    assert other.begun % 160 == 57
    assert one.begun % 160 == 0
    sent = [b"".join(frame.payload for frame in fork.report.sent) for fork in (one, other)]
    assert {len(frame.payload) for frame in other.report.sent} == {240, 80}
    both = max(one.begun, other.begun)  # either may be the first that is open
    heard = [part[both - fork.begun :] for fork, part in zip((one, other), sent, strict=True)]
    pairs = list(zip(*heard, strict=False))
    apart = [first ^ second for first, second in pairs]
    assert set(apart) == {0, 1}
    assert 0.05 < sum(apart) / len(apart) < 0.15


async def test_a_fifth_track_is_told_as_an_error_and_the_call_goes_on(twilio, server):
    url = server.stream_url
    both = start(url, track="both_tracks")
    fifth = start(url, name="fifth", statusCallback=f"{server.url}/stream")
    server.answers["/voice"] = response(both, both, fifth, MINUTE)
    call = twilio.call(CALLED, CALLER)
    [form] = await server.told("/stream", 1)
    assert (form["StreamEvent"], form["StreamName"]) == ("stream-error", "fifth")
    assert form["StreamError"].endswith("4 tracks of this call are streamed, and 4 may be")
    assert call.hung_up is None
    await until(lambda: len(list(server.started())) == 2)


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("ws://127.0.0.1:1/", "31902 Connection Refused"),
        ("ws://calls.example.com/", "31922 URL schema unsupported"),
        ("https://calls.example.com/", "31922 URL schema unsupported"),
        ("", "31923 URL malformed"),
    ],
)
async def test_a_stream_that_fails_ends_no_call(twilio, server, account, url, error):
    failing = start(url, statusCallback=f"{server.url}/stream")
    server.answers["/voice"] = response(failing, HOUR)
    call = twilio.call(CALLED, CALLER)
    [form] = await server.told("/stream", 1)
    assert form["StreamEvent"] == "stream-error"
    assert form["StreamError"].startswith(error)
    assert [alert.code for alert in account.alerts] == [int(error[:5])]
    assert call.leg.status is Status.IN_PROGRESS


@pytest.mark.parametrize("also_stopped", [False, True])
async def test_a_stream_that_the_server_closes_is_told_as_an_error(
    twilio, server, account, also_stopped
):
    account.behaviour = replace(account.behaviour, stopped_after_error=also_stopped)
    server.close = 5, 1012
    stream = start(server.stream_url, statusCallback=f"{server.url}/stream")
    server.answers["/voice"] = response(stream, MINUTE)
    call = twilio.call(CALLED, CALLER)
    told = await server.told("/stream", 3 if also_stopped else 2)
    events = ["stream-started", "stream-error", *["stream-stopped"] * also_stopped]
    assert [form["StreamEvent"] for form in told] == events
    assert told[1]["StreamError"] == "31921 Close Error: the server closed with 1012"
    assert call.hung_up is None


async def test_a_stream_is_stopped_by_name_and_another_may_have_the_name_then(twilio, server):
    named = start(server.stream_url, name="tr")
    server.answers["/voice"] = response(
        named, "<Pause/>", '<Stop><Stream name="tr"/></Stop>', "<Pause/>", named, "<Pause/>"
    )
    call = twilio.call(CALLED, CALLER)
    await call.over.wait()
    assert [fork.error for fork in call.forks.all] == ["", ""]
    await server.stopped(2)


@pytest.mark.parametrize("hung_up", [True, False])
async def test_the_action_of_a_dial_is_told_what_became_of_it(twilio, server, account, hung_up):
    outcome = {"talk_seconds": 1.0} if hung_up else {"outcome": Status.BUSY}
    callees = {OTHER: Callee(**outcome), "sip:desk@example.com": Callee(ring_seconds=5)}
    account.behaviour = replace(account.behaviour, callees=callees)
    server.answers["/voice"] = response(
        f'<Dial action="done" timeout="2"><Number>{OTHER}</Number>'
        "<Sip>sip:desk@example.com</Sip></Dial>"
    )
    server.answers["/done"] = response("<Hangup/>")
    call = twilio.call(CALLED, CALLER)
    await call.over.wait()
    [form] = server.forms("/done")
    assert form["DialCallStatus"] == ("completed" if hung_up else "busy")
    assert form["DialBridged"] == ("true" if hung_up else "false")
    assert ("DialCallDuration" in form) is hung_up
    children = [leg.leg for leg in account.calls.values() if leg.leg.parent_sid]
    assert [child.to for child in children] == [OTHER, "sip:desk@example.com"]
    assert children[1].status == ("canceled" if hung_up else "no-answer")
    assert form["DialCallSid"] == children[0].sid


async def test_what_is_rejected_is_never_answered(twilio, server):
    server.answers["/voice"] = response('<Reject reason="busy"/>')
    call = twilio.call(CALLED, CALLER)
    await call.over.wait()
    assert (call.leg.status, call.clock) == (Status.BUSY, None)


async def test_a_caller_may_hang_up_while_the_twiml_is_awaited(twilio, server):
    server.held = asyncio.Event()
    call = twilio.call(CALLED, CALLER)
    await server.told("/voice", 1)
    call.hang_up()
    await call.over.wait()
    server.held.set()
    assert call.leg.status is Status.CANCELED


async def test_a_request_is_made_again_with_the_same_token_where_its_url_says_so(
    twilio, server, account
):
    answers = itertools.chain([503, 503], itertools.repeat(200))
    server.answers["/voice"] = lambda _: Response(status_code=next(answers))
    account.numbers.find(CALLED).voice_url = f"{server.url}/voice#rc=3&rp=5xx"
    call = twilio.call(CALLED, CALLER)
    await call.over.wait()
    assert len(server.asked) == 3
    assert len({asked.headers["i-twilio-idempotency-token"] for asked in server.asked}) == 1
    assert [seen.status for seen in twilio.webhooks.seen] == [503, 503, 200]
    assert all(asked.signed for asked in server.asked)
    again = twilio.call(CALLED, CALLER)
    await again.over.wait()
    assert len({asked.headers["i-twilio-idempotency-token"] for asked in server.asked}) == 2


async def test_a_fallback_takes_over_and_is_told_why(twilio, server, account):
    server.answers["/voice"] = lambda _: Response(status_code=500)
    account.numbers.find(CALLED).voice_fallback_url = f"{server.url}/fallback"
    server.answers["/fallback"] = response('<Redirect method="GET">/other?a=1</Redirect>')
    call = twilio.call(CALLED, CALLER)
    await call.over.wait()
    [form] = server.forms("/fallback")
    assert (form["ErrorCode"], form["ErrorUrl"]) == ("11200", f"{server.url}/voice")
    [other] = [asked for asked in server.asked if asked.path == "/other"]
    assert (other.method, other.signed, other.form["a"]) == ("GET", True, "1")
    assert [alert.code for alert in account.alerts] == [11200]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Response(status_code=404), 11200),
        (Response("no", media_type="text/xml"), 12100),
        (Response("{}", media_type="application/json"), 12300),
        (Response("<Response/>" + " " * 65_536, media_type="text/xml"), 11750),
        (RedirectResponse("/voice"), 11215),
        (RedirectResponse("http://calls.example.com/"), 11100),
    ],
)
async def test_what_is_no_answer_ends_the_call_and_is_told(twilio, server, account, answer, code):
    server.answers["/voice"] = lambda _: answer
    call = twilio.call(CALLED, CALLER)
    await call.over.wait()
    assert [alert.code for alert in account.alerts] == [code]
    assert call.leg.status is Status.COMPLETED


async def test_a_text_is_read_aloud(twilio, server, account):
    server.answers["/voice"] = lambda _: PlainTextResponse("It works!")
    call = twilio.call(CALLED, CALLER)
    await call.over.wait()
    assert not account.alerts
    assert call.leg.answered_at is not None


async def test_cookies_are_kept_for_a_call(twilio, server):
    def set_cookie(form):
        answer = Response("<Response><Redirect>/next</Redirect></Response>", media_type="text/xml")
        answer.set_cookie("session", form["CallSid"])
        return answer

    server.answers["/voice"] = set_cookie
    for _ in range(2):
        call = twilio.call(CALLED, CALLER)
        await call.over.wait()
    first, _, second, last = server.asked[0], server.asked[1], server.asked[2], server.asked[3]
    assert "cookie" not in first.headers
    assert "cookie" not in second.headers
    assert last.headers["cookie"] == f"session={call.leg.sid}"


async def test_callbacks_may_come_late_out_of_order_twice_or_never(twilio, server, account):
    events = "initiated ringing answered completed"
    server.answers["/voice"] = response(
        f'<Dial><Number statusCallback="/child" statusCallbackEvent="{events}">{OTHER}</Number>'
        "</Dial>"
    )
    account.behaviour = replace(
        account.behaviour, speed=100, delivery=Delivery(out_of_order=True, repeated=1.0)
    )
    call = twilio.call(CALLED, CALLER, inbound=b"\x10" * 160)
    await call.over.wait()
    told = await server.told("/child", 8)
    numbers = [form["SequenceNumber"] for form in told]
    assert sorted(numbers) == ["0", "0", "1", "1", "2", "2", "3", "3"]
    assert numbers.index("1") < numbers.index("0")
    account.behaviour = replace(account.behaviour, delivery=Delivery(lost=1.0))
    call = twilio.call(CALLED, CALLER, inbound=b"\x10" * 160)
    await call.over.wait()
    assert len(server.forms("/child")) == 8


async def test_a_defect_in_a_callback_s_server_is_an_alert(twilio, server, account):
    account.numbers.find(CALLED).status_callback = "http://127.0.0.1:1/status"
    call = twilio.call(CALLED, CALLER)
    await call.over.wait()
    await until(lambda: account.alerts)
    assert account.alerts[0].code == 11205
    assert account.alerts[0].sid == call.leg.sid
