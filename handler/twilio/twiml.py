"""
What a voice webhook is answered with: TwiML that forks the call to us, and then connects it. Pure.

Source: https://www.twilio.com/docs/voice/twiml (stream, say, dial, number, sip, pause)
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from broker.printable import shown

# Twilio reads no longer document (error 12100's page). What we write stays below it by the bounds
# of its parts: see handler/forwarding.py.
MAX_TWIML = 64 * 1024
# What a child leg tells of itself: that it has begun matters as much as how it ended.
LEG_EVENTS = "initiated ringing answered completed"
# With nobody to connect the caller to, the call is kept for as long as Twilio's own default limit.
NOBODY_SECONDS = 4 * 3600

# XML 1.0 has no way at all of writing these, not even escaped (section 2.2).
_unwritable = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What is to become of a call.

    Attributes:
        stream_url: Where its audio goes, ``wss://…``.
        stream_name: Of its media stream; no other one of the call may have it.
        status_url: Where Twilio tells of the stream and of child legs, absolute.
        parameters: What the media stream is told of the call, by name.
        notice: What is said to the caller first; nothing if it is empty.
        dial: Numbers and SIP addresses, which ring all at once.
    """

    stream_url: str
    stream_name: str
    status_url: str
    parameters: Sequence[tuple[str, str]] = ()
    notice: str = ""
    dial: Sequence[str] = ()


def write(answer: Answer) -> bytes:
    """Write the TwiML of an answer."""
    response = ET.Element("Response")
    stream = ET.SubElement(
        ET.SubElement(response, "Start"),
        "Stream",
        url=answer.stream_url,
        name=answer.stream_name,
        track="both_tracks",
        statusCallback=answer.status_url,
    )
    for name, value in answer.parameters:
        ET.SubElement(stream, "Parameter", name=name, value=writable(value))
    if answer.notice:
        ET.SubElement(response, "Say").text = writable(answer.notice)
    # <Start> does not wait: without a verb that does, the call would end here.
    if answer.dial:
        _dial(response, answer)
    else:
        ET.SubElement(response, "Pause", length=str(NOBODY_SECONDS))
    document = ET.tostring(response, "unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{document}\n'.encode()


def _dial(response: ET.Element, answer: Answer) -> None:
    dial = ET.SubElement(response, "Dial")
    for place in answer.dial:
        noun = ET.SubElement(
            dial,
            "Number" if place.startswith("+") else "Sip",
            statusCallback=answer.status_url,
            statusCallbackEvent=LEG_EVENTS,
        )
        noun.text = place


def writable(text: str) -> str:
    """Return a text as XML can hold it, and a person may be shown it."""
    return _unwritable.sub("\ufffd", shown(text))
