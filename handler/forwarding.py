"""
Who is called, and what is said, when a number is: FORWARD_TO and NOTICE. Pure.

The bounds of all parts together keep the TwiML that is made of them below Twilio's 64 KB.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from broker.identifiers import E164, restore_plus
from handler import parameters

# The tutorial's sentence.
DEFAULT_NOTICE = "This call may be monitored or recorded."
# For those whose deployment tool leaves no variable empty.
NO_NOTICE = "none"
MAX_NOTICE = 1000  # a minute; Twilio says four times as much at most
# As many as Twilio rings at once in one <Dial>.
MAX_DIAL = 10
MAX_SIP = 255
MAX_METADATA = 16
MAX_METADATA_SIZE = 3000  # of all of it, names and values together, in bytes
ANY_NUMBER = "*"

SIP = re.compile(r"sips?:[!-~]+", re.IGNORECASE)
METADATA_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
# Which of them a call may set is said elsewhere.
OPTIONS = re.compile(r"[a-z][a-z0-9_]*=[^&=]+(&[a-z][a-z0-9_]*=[^&=]+)*")
EXAMPLE = "+15551230000,sip:desk@example.com"
KEYS = ("dial", "options", "notice", "metadata", "calleeName")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Forward:
    """
    What becomes of the calls of one number.

    Attributes:
        dial: Numbers and SIP addresses that ring at once; nobody is called if there are none.
        notice: What the caller is told first; None if it is what all are told.
        parameters: What the media stream is told of the call: ``options``, ``calleeName``, and
            what is an application's own.
    """

    dial: tuple[str, ...] = ()
    notice: str | None = None
    parameters: tuple[tuple[str, str], ...] = ()

    def without(self, parties: Iterable[str]) -> "Forward":
        """Return the same without those that are in the call: each would ring itself, for ever."""
        names = set(map(_called, parties))
        return replace(
            self, dial=tuple(place for place in self.dial if _called(place) not in names)
        )


@dataclass(frozen=True, slots=True)
class Forwarding:
    """All numbers, as they are called; ``*`` is any other one."""

    numbers: Mapping[str, Forward] = field(default_factory=dict)

    @property
    def option_names(self) -> frozenset[str]:
        """Names of the Deepgram options that some number's calls are to have."""
        pairs = (pair for forward in self.numbers.values() for pair in forward.parameters)
        queries = (value for name, value in pairs if name == "options")
        return frozenset(
            option.partition("=")[0] for query in queries for option in query.split("&")
        )

    def of(self, called: Iterable[str]) -> Forward:
        """Return what becomes of a call to one of these; the first that is known counts."""
        names = [_called(text) for text in called]
        known = (self.numbers[name] for name in [*names, ANY_NUMBER] if name in self.numbers)
        return next(known, Forward())


def read_forward_to(text: str) -> Forwarding:
    """
    Read ``+15551230000,sip:desk@example.com``, or a JSON object by called number.

    Raises:
        ValueError: it is neither; says what is wrong, and where.
    """
    if not text.startswith(("{", "[", '"')):
        return Forwarding({ANY_NUMBER: Forward(_split(text))})
    try:
        given = json.loads(text, object_pairs_hook=_object)
    except RecursionError:
        raise ValueError("is no JSON that can be read: nested too deep") from None
    except json.JSONDecodeError as exc:
        raise ValueError(f"is no JSON: {exc.msg}, line {exc.lineno} column {exc.colno}") from exc
    words = 'is no object by called number: {"+15550001111": {"dial": ["+15551230000"]}}'
    numbers: dict[str, Forward] = {}
    for name, entry in _checked(given, dict, words).items():
        number = _called(name)
        if number in numbers:
            raise ValueError(f"{name!r} is there twice")
        try:
            numbers[number] = _forward(number, entry)
        except ValueError as exc:
            raise ValueError(f"{name[:40]!r}: {exc}") from exc
    _check_ends(numbers)
    return Forwarding(numbers)


def _check_ends(numbers: Mapping[str, Forward]) -> None:
    """Refuse numbers that ring each other in a circle: such a call would be forwarded for ever."""
    rung = {name: set(map(_called, entry.dial)) & numbers.keys() for name, entry in numbers.items()}
    while ends := [name for name, others in rung.items() if not others & rung.keys()]:
        for name in ends:
            del rung[name]
    if rung:
        circle = sorted(rung.keys() & set().union(*rung.values()))
        raise ValueError(f"{', '.join(circle[:4])} would ring each other in a circle")


def read_notice(text: str) -> str:
    """
    Read what callers are told; nothing, if the text is empty or says ``none``.

    Raises:
        ValueError: it is too long.
    """
    words = " ".join(text.split())
    if words.casefold() == NO_NOTICE:
        return ""
    if len(words) > MAX_NOTICE:
        raise ValueError(f"notice of {len(words)} characters: at most {MAX_NOTICE}")
    return words


def _called(text: str) -> str:
    """Return the one spelling of what was called: a number, or a SIP address without options."""
    text = restore_plus(text).strip()
    if not SIP.fullmatch(text):
        return text
    scheme, _, rest = text.partition(":")
    user, at, host = re.split("[;?]", rest, maxsplit=1)[0].rpartition("@")
    return f"{scheme.lower()}:{user}{at}{host.lower()}"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object; of a name that is there twice, one value would go unseen."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(
            f"{next(name for name in names if names.count(name) > 1)!r} is there twice"
        )
    return found


def _forward(number: str, entry: object) -> Forward:
    if number != ANY_NUMBER and not (E164.fullmatch(number) or SIP.fullmatch(number)):
        raise ValueError("is no called number: write it like +15550001111, or * for any other")
    if not isinstance(entry, dict):
        entry = {"dial": entry}
    if unknown := sorted(entry.keys() - set(KEYS)):
        raise ValueError(f"{unknown[0]!r} is unknown; there are {', '.join(KEYS)}")
    dial = _dial(entry.get("dial"))
    if number in map(_called, dial):
        raise ValueError("would ring itself: leave it out of dial")
    notice = entry.get("notice")
    return Forward(
        dial,
        None if notice is None else read_notice(_string("notice", notice)),
        (*_own_parameters(entry), *_metadata(entry.get("metadata"))),
    )


def _dial(given: object) -> tuple[str, ...]:
    if given is None:
        return ()
    if isinstance(given, str):
        return _split(given)
    words = 'dial is a list of numbers and SIP addresses: ["+15551230000"]'
    return _places(_checked(given, list, words))


def _split(text: str) -> tuple[str, ...]:
    parts = [part for part in text.split(",") if part.strip()]
    if not parts:
        raise ValueError(f"{text[:40]!r} names nobody: write it like {EXAMPLE}")
    return _places(parts)


def _places(given: list[Any]) -> tuple[str, ...]:
    places = tuple(dict.fromkeys(_place(text) for text in given))
    if len(places) > MAX_DIAL:
        raise ValueError(f"{len(places)} ring at once: Twilio takes at most {MAX_DIAL}")
    return places


def _place(given: object) -> str:
    text = given.strip() if isinstance(given, str) else given
    if isinstance(text, str):
        if E164.fullmatch(text):
            return text
        if SIP.fullmatch(text) and len(text) <= MAX_SIP and "@" in text:
            return text
    shown = f"{text[:40]!r}" if isinstance(text, str) else type(text).__name__
    raise ValueError(f"{shown} is no number with its country code, nor sip:…@…; as in {EXAMPLE}")


def _own_parameters(entry: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    if (options := entry.get("options")) is not None:
        if not OPTIONS.fullmatch(_string("options", options)):
            raise ValueError(f"options: {options[:40]!r} is not like language=de&keyterm=Northwind")
        yield _parameter("options", options)
    if (name := entry.get("calleeName")) is not None:
        if len(name := _string("calleeName", name).strip()) > parameters.MAX_NAME:
            raise ValueError(
                f"calleeName has {len(name)} characters: at most {parameters.MAX_NAME}"
            )
        yield "calleeName", name


def _metadata(given: object) -> list[tuple[str, str]]:
    if given is None:
        return []
    given = _checked(given, dict, 'metadata is an object of texts: {"tenant": "7"}')
    if len(given) > MAX_METADATA:
        raise ValueError(f"metadata has {len(given)} names: at most {MAX_METADATA}")
    found = [_parameter(_metadata_name(name), _string(name, given[name])) for name in given]
    if sum(len(f"{name}{value}".encode()) for name, value in found) > MAX_METADATA_SIZE:
        raise ValueError(f"metadata is longer than {MAX_METADATA_SIZE} bytes")
    return found


def _metadata_name(name: str) -> str:
    if not METADATA_NAME.fullmatch(name):
        raise ValueError(f"{name[:40]!r} is no name: letters, digits, _ . -, at most 64")
    if parameters.is_ours(name):
        raise ValueError(f"{name!r} is a name of our own: take another one")
    return name


def _parameter(name: str, value: str) -> tuple[str, str]:
    if not parameters.fits(name, value):
        longest = parameters.MAX_PARAMETER
        raise ValueError(f"{name}: name and value are longer than {longest} characters")
    return name, value


def _string(name: str, value: object) -> str:
    text = _checked(value, str, f"{name} is no text")
    try:
        text.encode()
    except UnicodeEncodeError:  # half a character
        raise ValueError(f"{name} is no text that can be sent") from None
    return text


def _checked(value: object, kind: type[T], words: str) -> T:
    if not isinstance(value, kind):
        raise ValueError(words)  # noqa: TRY004  one error for whatever is wrong with a setting
    return value
