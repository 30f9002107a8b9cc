"""
What a media stream's ``<Parameter>``s say: numbers, names, options, and what is metadata. Pure.

They are an application's, or whoever's filled in its templates: nothing in them is trusted.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from broker.identifiers import restore_plus
from broker.printable import shown

# How a ``<Parameter>`` may be spelled, without regard to capitals and to what joins its words: as
# our examples have it, as Twilio names it in a webhook (``From`` or ``Caller``), as people do.
FROM = ("from", "fromnumber", "caller", "callernumber", "callerid")
TO = ("to", "tonumber", "called", "callednumber", "callee", "calleenumber")
DIRECTION = ("direction", "calldirection")
CALLER_NAME = ("callername",)
CALLEE_NAME = ("calleename", "calledname")
OPTIONS = ("options",)
TICKET = ("ticket",)  # a secret: it is nowhere shown
READ = frozenset((*FROM, *TO, *DIRECTION, *CALLER_NAME, *CALLEE_NAME, *OPTIONS, *TICKET))
# What names begin with that are ours to come.
RESERVED = "partyline"

# Of a name and its value together, in characters: Twilio takes fewer than 500.
MAX_PARAMETER = 499
# Of a side's name, in characters: it stands before each caption.
MAX_NAME = 64
# What an application needs to find its own record again, and little more: every reader of the call
# gets it, and every reader of the list whenever the list changes.
MAX_METADATA = 20
MAX_METADATA_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """
    What is read of them.

    Attributes:
        from_: The caller's number as given, if it was.
        to: The called number as given, if it was.
        direction: ``inbound``, ``outbound-api`` … as given, if it was.
        caller_name: Who calls, if that was given; may be shown anywhere.
        callee_name: Who is called; likewise.
        options: Deepgram options for this call, as given, if they were.
        metadata: What says nothing to us; may be shown anywhere.
        unread: Names of those that were left out.
    """

    from_: str | None = None
    to: str | None = None
    direction: str | None = None
    caller_name: str | None = None
    callee_name: str | None = None
    options: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    unread: tuple[str, ...] = ()


def is_ours(name: str) -> bool:
    """Whether a parameter of that name says something to us, or may one day."""
    return plain(name) in READ or plain(name).startswith(RESERVED)


def fits(name: str, value: str) -> bool:
    """Whether Twilio takes a parameter."""
    return len(name) + len(value) <= MAX_PARAMETER


def read_parameters(given: dict[str, str]) -> Parameters:
    """
    Read the ``<Parameter>``s of a media stream.

    Of the names of one thing the first counts under which something was given; a TwiML Bin that is
    no template sends ``{{From}}`` as it stands, which is nothing.
    """
    values = {
        plain(name): text
        for name, text in reversed(given.items())  # of two alike, the first counts
        if _is_given(text)
    }

    def one(names: tuple[str, ...]) -> str | None:
        return next((values[name] for name in names if name in values), None)

    metadata = dict(_metadata(given))
    return Parameters(
        # Callers may be withheld (``anonymous``) or have a SIP address: shown, granting nothing.
        from_=_number(one(FROM)),
        to=_number(one(TO)),
        direction=one(DIRECTION),
        caller_name=_name(one(CALLER_NAME)),
        callee_name=_name(one(CALLEE_NAME)),
        options=one(OPTIONS),
        metadata=metadata,
        unread=tuple(n for n in given if plain(n) not in READ and shown(n).strip() not in metadata),
    )


def plain(name: str) -> str:
    """Return the name of a parameter as all its spellings have it."""
    return "".join(letter for letter in name.casefold() if letter not in " _-.")


def _is_given(text: str) -> bool:
    return bool(text.strip()) and not text.strip().startswith("{{")


def _number(text: str | None) -> str | None:
    return None if text is None else restore_plus(text)


def _name(text: str | None) -> str | None:
    """Return a name as it may be shown; a longer one is cut."""
    name = shown(text or "").strip()
    cut = name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1].rstrip()}…"
    return cut or None


def _metadata(given: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield what is not ours, as it may be shown, as far as there is room."""
    left, names = MAX_METADATA_BYTES, set[str]()
    for raw, text in given.items():
        name, value = shown(raw).strip(), shown(text)
        size = len(name.encode()) + len(value.encode())
        if is_ours(raw) or not name or name in names or text.strip().startswith("{{"):
            continue
        if len(names) < MAX_METADATA and size <= left:
            names.add(name)
            left -= size
            yield name, value
