"""handler/twilio/twiml.py: how a call goes on, as Twilio reads it."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.twiml.voice_response import Dial, Start, VoiceResponse

from handler import forwarding, parameters
from handler.twilio import places, twiml
from handler.twilio.twiml import Answer
from rehearsal.twilio import twiml as reading

PLAIN = Answer("wss://calls.example.com/twilio", "partyline-1", "https://calls.example.com/status")


def made(**changes: object) -> Answer:
    facts = {name: getattr(PLAIN, name) for name in Answer.__slots__} | changes
    return Answer(**facts)


def read(answer: Answer) -> ET.Element:
    return ET.fromstring(twiml.write(answer))  # noqa: S314  our own


def canonical(document: str | bytes) -> str:
    return ET.canonicalize(document)


def by_the_sdk(answer: Answer) -> str:
    """The same answer, as Twilio's own library writes it."""
    response = VoiceResponse()
    start = Start()
    stream = start.stream(
        url=answer.stream_url,
        name=answer.stream_name,
        track="both_tracks",
        status_callback=answer.status_url,
    )
    for name, value in answer.parameters:
        stream.parameter(name=name, value=value)
    response.append(start)
    if answer.notice:
        response.say(answer.notice)
    if not answer.dial:
        response.pause(length=twiml.NOBODY_SECONDS)
        return str(response)
    dial = Dial()
    for place in answer.dial:
        (dial.number if place.startswith("+") else dial.sip)(
            place,
            status_callback=answer.status_url,
            status_callback_event="initiated ringing answered completed",
        )
    response.append(dial)
    return str(response)


@pytest.mark.parametrize(
    "answer",
    [
        PLAIN,
        made(notice="This call may be monitored or recorded."),
        made(dial=("+15551230000", "sip:desk@example.com;transport=tls?a=1&b=2")),
        made(
            notice='<Hangup/> & "more"',
            parameters=[("ticket", "a.1.b"), ("from", '"><Redirect/>'), ("note", "ünï & 𝄞")],
            dial=("+15551230000",),
        ),
    ],
    ids=["alone", "notice", "dial", "all"],
)
def test_it_is_what_twilios_own_library_writes(answer):
    assert canonical(twiml.write(answer)) == canonical(by_the_sdk(answer))


@pytest.mark.parametrize("dial", [(), ("+15551230000", "sip:desk@example.com")])
def test_our_stand_in_for_twilio_has_nothing_to_object_to(dial):
    document = reading.read(twiml.write(made(notice="hello", dial=dial)), "https://h.example/")
    (start, *_) = document.verbs
    assert isinstance(start, reading.Start)
    (stream,) = start.streams
    assert (stream.problem, document.warnings) == (None, ())


TEXTS = st.text(alphabet=st.characters(), max_size=60)


@given(TEXTS, TEXTS)
def test_whatever_a_caller_is_called_it_stays_one_text(value, notice):
    """Control characters, tags, halves of characters: XML can be read, and says no more."""
    response = read(made(parameters=[("from", value)], notice=notice))
    (parameter,) = response.iter("Parameter")
    assert parameter.attrib == {"name": "from", "value": twiml.writable(value)}
    assert len(parameter.attrib["value"]) == len(value)
    verbs = [verb.tag for verb in response]
    assert verbs == (["Start", "Say", "Pause"] if notice else ["Start", "Pause"])


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("+15550000001", "+15550000001"),
        ("a\x00b\x1b[2Jc", "a\ufffdb\ufffd[2Jc"),
        ("a\nb\tc", "a b c"),
        ("\ud800\ufffe\uffff", "\ufffd\ufffd\ufffd"),
        ("\u202eevil", "\ufffdevil"),
    ],
)
def test_what_xml_cannot_hold_is_a_mark(given, written):
    assert twiml.writable(given) == written


def test_a_call_never_ends_for_want_of_a_verb_that_waits():
    for answer in (PLAIN, made(notice="hello")):
        assert read(answer)[-1].tag == "Pause"


def test_the_bounds_of_its_parts_keep_it_below_64_kb():
    size = forwarding.MAX_METADATA_SIZE // forwarding.MAX_METADATA
    names = [f"{number:<16}" for number in range(forwarding.MAX_METADATA)]
    own = ("ticket", "from", "to", "direction", "callerName", "calleeName", "options")
    sip = "sip:&@" + "&" * (forwarding.MAX_SIP - 6)
    base = "https://calls.example.com/" + "a" * 400
    answer = made(
        stream_url=places.stream_url(base),
        status_url=places.webhook_setting(base, "status"),
        parameters=[(name, '"' * (size - len(name))) for name in names]
        + [(name, '"' * (parameters.MAX_PARAMETER - len(name))) for name in own],
        notice="&" * forwarding.MAX_NOTICE,
        dial=(sip,) * forwarding.MAX_DIAL,
    )
    assert len(twiml.write(answer)) < twiml.MAX_TWIML
