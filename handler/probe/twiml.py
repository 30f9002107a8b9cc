"""
What a voice webhook answered: which media stream it asks Twilio to open. Pure.

Source: https://www.twilio.com/docs/voice/twiml/stream
"""

from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

from handler.parameters import TICKET


@dataclass(frozen=True, slots=True)
class Stream:
    """
    A media stream that TwiML asks for.

    Attributes:
        url: Where it is to be opened.
        track: Which sides it is to carry.
        parameters: Names and values of its ``<Parameter>``s.
    """

    url: str
    track: str = "inbound_track"
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def ticket(self) -> str | None:
        """The single-use ticket that lets it in, if there is one."""
        return self.parameters.get(TICKET[0]) or None


def read(text: str) -> Stream:
    """
    Return the stream that a document begins.

    Raises:
        ValueError: it is no TwiML, or begins none; says so in words.
    """
    if "<!" in text.replace("<!--", ""):  # entities, with which a document can grow without bounds
        raise ValueError("it has a document type, which TwiML never has")
    try:
        root = ET.fromstring(text)  # noqa: S314  without entities it is as long as it is
    except ET.ParseError as exc:
        raise ValueError(f"it is no TwiML ({exc})") from exc
    if root.tag != "Response":
        raise ValueError(f"it is no TwiML: it begins with <{root.tag[:40]}>, not with <Response>")
    element = root.find("Start/Stream")
    if element is None or not element.get("url"):
        raise ValueError("it has no <Start><Stream url=…>, so no audio would come")
    parameters = {
        parameter.get("name", ""): parameter.get("value", "")
        for parameter in element.findall("Parameter")
    }
    return Stream(element.get("url", ""), element.get("track", "inbound_track"), parameters)
