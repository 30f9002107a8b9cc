"""
How the commands read their arguments: what is wrong with them is said in one line.

The rehearsal has the same: it imports nothing of the service, nor the service anything of it.
"""

import argparse
import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from broker.settings import without_password


class Parser(argparse.ArgumentParser):
    """One that names what it does not know, and what may have been meant; takes no half names."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  as argparse has them
        super().__init__(*args, **{"allow_abbrev": False, **kwargs})

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:  # noqa: ANN401
        """Parse all arguments; one too many ends the program."""
        arguments, rest = self.parse_known_args(args, namespace)
        if rest:
            self.error(f"{without_password(rest[0])!r} is one argument too many")
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
