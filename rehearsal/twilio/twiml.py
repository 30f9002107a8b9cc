"""
TwiML, as far as calls that are transcribed need it: text in, verbs and warnings out. Pure.

Source: https://www.twilio.com/docs/voice/twiml
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import urljoin, urlsplit
from xml.parsers import expat

from rehearsal.errors import BadTwiml

MAX_DOCUMENT = 64 * 1024
MAX_DEPTH = 16  # what we know is four deep
MAX_PARAMETER = 500  # name and value of one together stay below it
TRACKS = {
    "inbound_track": ("inbound",),
    "outbound_track": ("outbound",),
    "both_tracks": ("inbound", "outbound"),
}
MAX_RING_SECONDS = 600
EVENTS = ("initiated", "ringing", "answered", "completed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """
    A ``<Stream>`` in ``<Start>``.

    Attributes:
        url: Where it leads, absolute.
        name: By which it can be stopped; empty for its SID.
        track: As it is written.
        problem: Why it will not begin, as (code, name of the error, detail); None if it will.
    """

    url: str
    name: str = ""
    track: str = "inbound_track"
    status_callback: str = ""
    status_callback_method: str = "POST"
    parameters: tuple[tuple[str, str], ...] = ()
    problem: tuple[int, str, str] | None = None

    @property
    def tracks(self) -> tuple[str, ...]:
        """The tracks of a stream whose ``track`` is known."""
        return TRACKS.get(self.track, ())


@dataclass(frozen=True, slots=True)
class Start:
    """``<Start>``: the streams begin while the call goes on."""

    streams: tuple[Stream, ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """``<Stop>``: the streams of these names end."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Say:
    """``<Say>``."""

    text: str


@dataclass(frozen=True, slots=True)
class Pause:
    """``<Pause>``."""

    seconds: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """
    Whom a ``<Dial>`` rings.

    Attributes:
        address: A number, or ``sip:`` and an address.
        events: Which of the leg's changes are told to ``status_callback``.
    """

    address: str
    status_callback: str = ""
    status_callback_method: str = "POST"
    events: tuple[str, ...] = ("completed",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial:
    """
    ``<Dial>``: all parties ring, and the first who answers is put through.

    Attributes:
        action: What is asked for TwiML when the parties are done; empty: the next verb follows.
        ring_seconds: For how long they ring.
        most_seconds: For how long they may talk; None: as long as they like.
    """

    parties: tuple[Party, ...]
    action: str = ""
    method: str = "POST"
    caller_id: str = ""
    ring_seconds: int = 30
    most_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Redirect:
    """``<Redirect>``: another document takes over."""

    url: str
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Hangup:
    """``<Hangup>``."""


@dataclass(frozen=True, slots=True)
class Reject:
    """``<Reject>``, as the first verb: the call is not answered."""

    reason: str = "rejected"


Verb: TypeAlias = Start | Stop | Say | Pause | Dial | Redirect | Hangup | Reject


@dataclass(frozen=True, slots=True)
class Document:
    """
    What a call is to do.

    Attributes:
        verbs: In order.
        warnings: What Twilio's console would show as 12200, and nothing else comes of.
    """

    verbs: tuple[Verb, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class _Element:
    name: str
    attributes: dict[str, str]
    children: list["_Element"] = field(default_factory=list)
    text: str = ""


def read(body: bytes, url: str) -> Document:
    """
    Read a document.

    Args:
        body: It.
        url: Where it came from: relative URLs in it begin there.

    Raises:
        BadTwiml: it is no XML, no ``<Response>``, or too long.
    """
    if len(body) > MAX_DOCUMENT:
        raise BadTwiml(f"{len(body)} bytes are more than {MAX_DOCUMENT}")
    root = _Parser().parse(body)
    if root.name != "Response":
        raise BadTwiml(f"the document is a <{root.name}>, and no <Response>")
    reader = _Reader(url)
    reader.note_attributes(root, ())
    verbs = tuple(reader.verbs(root))
    return Document(verbs, tuple(reader.warnings))


class _Parser:
    """Makes elements of XML. Without document types, and so without entities that grow."""

    def __init__(self) -> None:
        self._open: list[_Element] = []
        self._root: _Element | None = None
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text

    def parse(self, body: bytes) -> _Element:
        try:
            self._parser.Parse(body, True)
        except expat.ExpatError as exc:
            raise BadTwiml(str(exc)) from exc
        if self._root is None:  # pragma: no cover  it cannot happen: expat asks for an element
            raise BadTwiml("no element found")
        return self._root

    def _refuse(self, *_: object) -> None:
        raise BadTwiml("a document type is not allowed")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        element = _Element(name, attributes)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self._root = element
        self._open.append(element)
        if len(self._open) > MAX_DEPTH:
            raise BadTwiml(f"elements lie more than {MAX_DEPTH} deep")

    def _end(self, _: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        self._open[-1].text += text


class _Reader:
    """Makes verbs of elements, and notes what Twilio's schema would object to."""

    def __init__(self, url: str) -> None:
        self.warnings: list[str] = []
        self._url = url

    def verbs(self, root: _Element) -> Iterator[Verb]:
        for number, element in enumerate(root.children):
            match element.name:
                case "Start":
                    self.note_attributes(element, ("action", "method"))
                    yield Start(tuple(map(self._stream, self._children(element, "Stream"))))
                case "Stop":
                    self.note_attributes(element, ())
                    yield Stop(tuple(map(self._stopped, self._children(element, "Stream"))))
                case "Say":
                    self.note_attributes(element, ("voice", "language", "loop"))
                    yield Say(" ".join(_all_text(element).split()))
                case "Pause":
                    self.note_attributes(element, ("length",))
                    yield Pause(self._whole(element, "length", 1, most=86_400))
                case "Dial":
                    yield self._dial(element)
                case "Redirect":
                    self.note_attributes(element, ("method",))
                    yield Redirect(self._absolute(element.text.strip()), self._method(element))
                case "Hangup":
                    self.note_attributes(element, ())
                    yield Hangup()
                case "Reject" if number == 0:
                    self.note_attributes(element, ("reason",))
                    yield Reject(element.attributes.get("reason", "rejected"))
                case "Reject":
                    self._warn("<Reject> has to be the first verb")
                case other:
                    self._warn(f"<{other}> is not allowed in <Response>")

    def _stream(self, element: _Element) -> Stream:
        attributes = element.attributes
        known = ("url", "name", "track", "statusCallback", "statusCallbackMethod")
        self.note_attributes(element, known)
        parameters = []
        for child in self._children(element, "Parameter"):
            self.note_attributes(child, ("name", "value"))
            parameters.append((child.attributes.get("name", ""), child.attributes.get("value", "")))
        url = attributes.get("url", "")
        track = attributes.get("track", "inbound_track")
        return Stream(
            url=self._absolute(url, websocket=True),
            name=attributes.get("name", ""),
            track=track,
            # It has to be absolute, says the documentation.
            status_callback=attributes.get("statusCallback", ""),
            status_callback_method=self._method(element, "statusCallbackMethod"),
            parameters=tuple(parameters),
            problem=problem_of(url, track, tuple(parameters)),
        )

    def _stopped(self, element: _Element) -> str:
        self.note_attributes(element, ("name",))
        name = element.attributes.get("name", "")
        if not name:
            self._warn("<Stream> in <Stop> has to have a name")
        return name

    def _dial(self, element: _Element) -> Dial:
        known = ("action", "method", "timeout", "callerId", "timeLimit", "answerOnBridge")
        self.note_attributes(element, known)
        attributes = element.attributes
        parties = [self._party(child) for child in self._children(element, "Number", "Sip")]
        if plain := element.text.strip():
            parties.insert(0, Party(address=plain))
        most = self._whole(element, "timeLimit", 0, most=86_400)
        return Dial(
            parties=tuple(parties),
            action=self._absolute(attributes.get("action", "")),
            method=self._method(element),
            caller_id=attributes.get("callerId", ""),
            ring_seconds=self._whole(element, "timeout", 30, most=MAX_RING_SECONDS),
            most_seconds=most or None,
        )

    def _party(self, element: _Element) -> Party:
        known = ("url", "method", "statusCallback", "statusCallbackMethod", "statusCallbackEvent")
        self.note_attributes(element, known)
        said = element.attributes.get("statusCallbackEvent", "completed").split()
        for event in said:
            if event not in EVENTS:
                self._warn(f"statusCallbackEvent has no {event!a}")
        return Party(
            address=element.text.strip(),
            status_callback=self._absolute(element.attributes.get("statusCallback", "")),
            status_callback_method=self._method(element, "statusCallbackMethod"),
            events=tuple(event for event in EVENTS if event in said),
        )

    def _children(self, element: _Element, *known: str) -> Iterator[_Element]:
        for child in element.children:
            if child.name in known:
                yield child
            else:
                self._warn(f"<{child.name}> is not allowed in <{element.name}>")

    def note_attributes(self, element: _Element, known: tuple[str, ...]) -> None:
        for name in element.attributes:
            if name not in known and not name.startswith("xmlns"):
                self._warn(f"attribute {name} is not allowed in <{element.name}>")

    def _method(self, element: _Element, name: str = "method") -> str:
        method = element.attributes.get(name, "POST")
        if method in ("GET", "POST"):
            return method
        self._warn(f"{name} {method!a} is neither GET nor POST")
        return "POST"

    def _whole(self, element: _Element, name: str, usual: int, *, most: int) -> int:
        text = element.attributes.get(name)
        if text is None:
            return usual
        if text.isascii() and text.isdecimal() and len(text) < 9:
            return min(int(text), most)
        self._warn(f"{name} {text!a} of <{element.name}> is no whole number")
        return usual

    def _absolute(self, url: str, *, websocket: bool = False) -> str:
        if not url:
            return ""
        try:
            whole = urljoin(self._url, url)
            relative = not urlsplit(url).scheme
        except ValueError:  # a bracket that is not closed
            return url
        if websocket and relative and whole.startswith("http"):
            return f"ws{whole.removeprefix('http')}"
        return whole

    def _warn(self, what: str) -> None:
        self.warnings.append(what)


def problem_of(
    url: str, track: str, parameters: tuple[tuple[str, str], ...]
) -> tuple[int, str, str] | None:
    """Return why a stream will not begin, as (code, name of the error, detail), or None."""
    if track not in TRACKS:
        return 31941, "Invalid Track configuration", f"track {track!a}"
    if not url:
        return 31923, "URL malformed", "a stream has to have a url"
    for name, value in parameters:
        if not name:
            return 31923, "Invalid Parameter", "a <Parameter> without a name"
        if (length := len(name) + len(value)) >= MAX_PARAMETER:
            detail = f"name and value of {name!a} have {length} characters, {MAX_PARAMETER} or more"
            return 31923, "Invalid Parameter", detail
    return None


def _all_text(element: _Element) -> str:
    """Return the text of an element and of what is in it: <Say> may hold SSML."""
    return " ".join([element.text, *map(_all_text, element.children)])
