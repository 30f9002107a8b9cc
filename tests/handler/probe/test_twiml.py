"""handler/probe/twiml.py: which stream a webhook's answer begins."""

import pytest

from handler.probe.twiml import Stream, read

DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?>
<!-- ours -->
<Response><Start><Stream url="wss://h/twilio" track="both_tracks" name="n">
<Parameter name="ticket" value="a&amp;b"/><Parameter name="from" value="+1"/>
</Stream></Start><Dial>+15551230000</Dial></Response>"""


def test_its_address_its_track_and_its_parameters_are_read():
    stream = read(DOCUMENT)
    assert stream == Stream("wss://h/twilio", "both_tracks", {"ticket": "a&b", "from": "+1"})
    assert stream.ticket == "a&b"


def test_one_side_is_what_twilio_takes_by_itself():
    stream = read('<Response><Start><Stream url="wss://h"/></Start></Response>')
    assert (stream.track, stream.ticket) == ("inbound_track", None)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is no TwiML"),
        ("{}", "it is no TwiML"),
        ("<html/>", "it is no TwiML: it begins with <html>"),
        ("<Response/>", "it has no <Start><Stream url=…>"),
        ("<Response><Start><Stream/></Start></Response>", "it has no <Start><Stream url=…>"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><Response/>', "it has a document type"),
    ],
)
def test_what_begins_none_is_refused_in_words(text, why):
    with pytest.raises(ValueError, match=r"^it ") as caught:
        read(text)
    assert str(caught.value).startswith(why)
