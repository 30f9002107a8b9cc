"""TwiML is read as Twilio reads it."""

import pytest
from hypothesis import strategies as some
from support.properties import prove
from twilio.twiml.voice_response import Dial as BuiltDial
from twilio.twiml.voice_response import Start as BuiltStart
from twilio.twiml.voice_response import VoiceResponse

from rehearsal.errors import BadTwiml
from rehearsal.twilio.twiml import (
    MAX_DOCUMENT,
    Dial,
    Document,
    Hangup,
    Party,
    Pause,
    Redirect,
    Reject,
    Say,
    Start,
    Stop,
    Stream,
    read,
)

URL = "https://calls.example.com/twilio/voice"
WSS = "wss://calls.example.com/twilio"
LIMITS = {"timeout": 20, "time_limit": 600}


def verbs(*inside: str) -> tuple:
    document = read(f"<Response>{''.join(inside)}</Response>".encode(), URL)
    assert document.warnings == ()
    return document.verbs


def warnings(*inside: str) -> tuple[str, ...]:
    return read(f"<Response>{''.join(inside)}</Response>".encode(), URL).warnings


def stream(inside: str = "", **attributes: str) -> Stream:
    said = "".join(f' {name}="{value}"' for name, value in ({"url": WSS} | attributes).items())
    [one] = verbs(f"<Start><Stream{said}>{inside}</Stream></Start>")
    return one.streams[0]


def test_what_the_official_sdk_writes_is_read():
    built = VoiceResponse()
    start = BuiltStart()
    one = start.stream(
        url=WSS,
        name="tr-1",
        track="both_tracks",
        status_callback="https://calls.example.com/twilio/status",
        status_callback_method="GET",
    )
    one.parameter(name="ticket", value='<&">')
    built.append(start)
    built.say("This call may be monitored or recorded.", language="en-US")
    dial = BuiltDial(action="/done", caller_id="+15550100009", **LIMITS)
    dial.number(
        "+15550100003",
        status_callback="/twilio/status",
        status_callback_event="initiated completed",
    )
    dial.sip("sip:desk@example.com")
    built.append(dial)
    built.redirect("other", method="GET")
    assert read(str(built).encode(), URL) == Document(
        (
            Start(
                (
                    Stream(
                        url=WSS,
                        name="tr-1",
                        track="both_tracks",
                        status_callback="https://calls.example.com/twilio/status",
                        status_callback_method="GET",
                        parameters=(("ticket", '<&">'),),
                    ),
                )
            ),
            Say("This call may be monitored or recorded."),
            Dial(
                parties=(
                    Party(
                        address="+15550100003",
                        status_callback="https://calls.example.com/twilio/status",
                        events=("initiated", "completed"),
                    ),
                    Party(address="sip:desk@example.com"),
                ),
                action="https://calls.example.com/done",
                caller_id="+15550100009",
                ring_seconds=20,
                most_seconds=600,
            ),
            Redirect("https://calls.example.com/twilio/other", "GET"),
        )
    )


def test_each_verb_has_its_defaults():
    assert verbs("<Pause/>", '<Pause length="5"/>', "<Hangup/>") == (Pause(1), Pause(5), Hangup())
    assert verbs("<Dial>+15550100003</Dial>") == (Dial(parties=(Party(address="+15550100003"),)),)
    assert verbs("<Redirect/>") == (Redirect(""),)
    assert verbs('<Stop><Stream name="tr-1"/></Stop>') == (Stop(("tr-1",)),)
    assert verbs("<Reject/>") == (Reject("rejected"),)
    assert verbs("<Say>Hello <emphasis>you</emphasis></Say>") == (Say("Hello you"),)
    assert read(b"<Response/>", URL) == Document()
    assert stream() == Stream(url=WSS)
    assert stream().tracks == ("inbound",)
    assert stream(track="both_tracks").tracks == ("inbound", "outbound")


@pytest.mark.parametrize(
    ("url", "whole"),
    [
        ("/twilio", "wss://calls.example.com/twilio"),
        ("media", "wss://calls.example.com/twilio/media"),
        ("https://other.example.com/", "https://other.example.com/"),
        ("//[", "//["),
    ],
)
def test_a_url_of_a_stream_may_be_relative(url, whole):
    assert stream(url=url).url == whole


@pytest.mark.parametrize(
    ("one", "code"),
    [
        ({"track": "both"}, 31941),
        ({"url": ""}, 31923),
        ({"inside": f'<Parameter name="a" value="{"b" * 499}"/>'}, 31923),
        ({"inside": '<Parameter value="b"/>'}, 31923),
    ],
)
def test_a_stream_that_cannot_begin_says_why(one, code):
    problem = stream(**one).problem
    assert problem is not None
    assert problem[0] == code


def test_a_parameter_may_have_499_characters():
    one = stream(f'<Parameter name="a" value="{"b" * 498}"/><Parameter name="c"/>')
    assert one.problem is None
    assert one.parameters == (("a", "b" * 498), ("c", ""))


@pytest.mark.parametrize(
    ("inside", "warning"),
    [
        ("<say>hello</say>", "<say> is not allowed in <Response>"),
        ("<Stream/>", "<Stream> is not allowed in <Response>"),
        ("<Start><Number/></Start>", "<Number> is not allowed in <Start>"),
        ("<Hangup/><Reject/>", "<Reject> has to be the first verb"),
        ('<Pause seconds="5"/>', "attribute seconds is not allowed in <Pause>"),
        ('<Pause length="-1"/>', "length '-1' of <Pause> is no whole number"),
        ('<Redirect method="PUT">/</Redirect>', "method 'PUT' is neither GET nor POST"),
        ("<Stop><Stream/></Stop>", "<Stream> in <Stop> has to have a name"),
        (
            '<Dial><Number statusCallbackEvent="begun">1</Number></Dial>',
            "statusCallbackEvent has no 'begun'",
        ),
    ],
)
def test_what_the_schema_does_not_allow_is_a_warning(inside, warning):
    assert warnings(inside) == (warning,)


def test_numbers_have_bounds():
    [dial] = verbs('<Dial timeout="99999" timeLimit="99999">1</Dial>')
    assert (dial.ring_seconds, dial.most_seconds) == (600, 86_400)
    assert warnings('<Pause length="999999999"/>') == (
        "length '999999999' of <Pause> is no whole number",
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"<Response>",
        b"<response/>",
        b"<Response/><Response/>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><Response>&b;</Response>',
        b"<Response>" + b"<a>" * 20 + b"</a>" * 20 + b"</Response>",
        b"<Response/>" + b" " * MAX_DOCUMENT,
        b"<Response>\xff</Response>",
    ],
)
def test_what_is_no_document_is_refused(body):
    with pytest.raises(BadTwiml) as caught:
        read(body, URL)
    assert str(caught.value).startswith("12100 Document parse failure: ")


VERBS = ["Start", "Stop", "Say", "Pause", "Dial", "Redirect", "Hangup", "Reject"]
NAMES = some.sampled_from([*VERBS, "Stream", "Parameter", "Number", "Sip", "say", "Gather"])
ATTRIBUTES = some.sampled_from(
    ["url", "name", "track", "length", "timeout", "value", "method", "action", "reason", "x"]
)
PLAIN = some.text(some.sampled_from("ab1:/[#?%.+ {}é"), max_size=8)


@some.composite
def elements(draw, depth: int = 0) -> str:
    name = draw(NAMES) if depth else "Response"
    said = draw(some.dictionaries(ATTRIBUTES, PLAIN, max_size=4))
    inside = [draw(PLAIN)]
    if depth < 4:
        inside += draw(some.lists(elements(depth=depth + 1), max_size=4))
    attributes = "".join(f' {key}="{value}"' for key, value in said.items())
    return f"<{name}{attributes}>{''.join(inside)}</{name}>"


@pytest.mark.proof
def test_whatever_is_well_formed_is_read(rounds):
    allowed = (Start, Stop, Say, Pause, Dial, Redirect, Hangup, Reject)

    def holds(text: str) -> None:
        document = read(text.encode(), URL)
        assert [verb for verb in document.verbs if not isinstance(verb, allowed)] == []
        assert [verb for verb in document.verbs[1:] if isinstance(verb, Reject)] == []

    prove(rounds, elements(), holds)


@pytest.mark.proof
def test_of_anything_else_only_its_own_error_comes(rounds):
    def holds(body: bytes) -> None:
        try:
            document = read(body, URL)
        except BadTwiml:
            document = Document()
        assert document.verbs == ()

    prove(rounds, some.binary(max_size=200), holds)
