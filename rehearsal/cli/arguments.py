"""
How the commands' arguments are read, and what is wrong with them in words.

The parser is that of the service's commands: the rehearsal imports nothing of the service, nor the
service anything of it.
"""

import argparse
import difflib
import math
import re
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

from rehearsal.frames import Stall

Kind = TypeVar("Kind", bound=Enum)


class Parser(argparse.ArgumentParser):
    """One that names what it does not know, and what may have been meant; takes no half names."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  as argparse has them
        super().__init__(*args, **{"allow_abbrev": False, **kwargs})

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:  # noqa: ANN401
        """Parse all arguments; one too many ends the program."""
        arguments, rest = self.parse_known_args(args, namespace)
        if rest:
            self.error(f"{rest[0]!r} is one argument too many")
        return arguments

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # noqa: ANN401
        """Parse arguments; an option that there is not is told before any that is missing."""
        if args is not None and self._subparsers is None:  # else it is for one of those
            for name in _options(args):
                if name not in self._option_string_actions:
                    known = self._option_string_actions
                    self.error(f"there is no option {name}{did_you_mean(name, known)}")
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, in one line, and end the program."""
        self.exit(2, f"{self.prog}: {message} ({self.prog} --help says more)\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:  # noqa: ANN401
        if action.choices is not None and value not in action.choices:
            known = [str(choice) for choice in action.choices]
            hint = did_you_mean(str(value), known)
            raise argparse.ArgumentError(
                action, f"{str(value)!r} is none of {', '.join(known)}{hint}"
            )


def did_you_mean(text: str, known: Iterable[str]) -> str:
    """Return a question, if something that is known is near, or begins so."""
    names = list(known)
    begun = [name for name in names if name.startswith(text)]
    near = begun if len(begun) == 1 else difflib.get_close_matches(text, names, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _options(args: Sequence[str]) -> Iterable[str]:
    """Yield the names of options, without their values, as argparse tells them from arguments."""
    for text in args:
        if text == "--":
            return
        name, equals, _ = text.partition("=")
        if re.match(r"--?[^\W\d]", name) and " " not in (name if equals else text):
            yield name


def number_in(least: float, most: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least} to {most}")
        return value

    return parse


def whole_in(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and least <= int(text[:9]) <= most):
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a whole number from {least} to {most}"
            )
        return int(text)

    return parse


COUNT = whole_in(1, 1000)
PORT = whole_in(0, 65_535)
STATUS = whole_in(400, 599)


def one_of(kind: type[Kind]) -> Callable[[str], Kind]:
    def parse(text: str) -> Kind:
        try:
            return kind(text)
        except ValueError as exc:
            known = [str(one.value) for one in kind]
            raise argparse.ArgumentTypeError(
                f"{text!r} is none of {', '.join(known)}{did_you_mean(text, known)}"
            ) from exc

    return parse


def stall(text: str) -> Stall:
    at, _, rest = text.partition(",")
    lasts, _, track = rest.partition(",")
    if track not in ("", "inbound", "outbound"):
        raise argparse.ArgumentTypeError(f"{track!r} is neither inbound nor outbound")
    seconds = number_in(0, 86_400)
    return Stall(seconds(at), seconds(lasts), track or None)


def frame_sizes(text: str) -> tuple[int, ...]:
    return tuple(whole_in(1, 1000)(size) for size in text.split(","))


def sid_of(prefix: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        digits = text.removeprefix(prefix)
        if digits == text or len(digits) != 32 or set(digits) - set("0123456789abcdef"):
            raise argparse.ArgumentTypeError(f"{text!r} is not {prefix} and 32 hex digits")
        return text

    return parse


def public_name(text: str) -> tuple[str, str]:
    """Read where a public URL leads: ``https://HOST=http://127.0.0.1:8080``."""
    public, _, real = text.partition("=")
    for url in (public, real):
        parts = urlsplit(url)
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or parts.path not in ("", "/")
        ):
            raise argparse.ArgumentTypeError(f"{text!r} is not like https://HOST=http://HOST:PORT")
    return public.rstrip("/"), real.rstrip("/")
