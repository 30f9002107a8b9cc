"""How variables of the environment are read: one way, and each that is wrong is named."""

import re
import secrets
from collections.abc import Callable, Mapping
from typing import TypeVar

from broker import durations
from handler.errors import SettingsError

T = TypeVar("T")


class Reader:
    """Reads single variables; an empty one counts as not set, as deployment tools leave them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def optional(self, name: str) -> str | None:
        """Return a text; None if it is not set."""
        return self._environ.get(name, "").strip() or None

    def text(self, name: str, default: str) -> str:
        """Return a text, or the default."""
        return self.optional(name) or default

    def read(self, name: str, form: Callable[[str], T], default: T) -> T:
        """Read a value whose form somebody else knows; it raises ValueError, in words."""
        text = self.optional(name)
        if text is None:
            return default
        try:
            return form(text)
        except ValueError as exc:
            raise SettingsError(name, str(exc)) from exc

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        """Return a whole number within its bounds, or the default."""
        text = self.optional(name)
        if text is None:
            return default
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise SettingsError(name, f"{text!r} is not a whole number from {low} to {high}")
        return int(text)

    def duration(self, name: str, default: float, low: float, high: float) -> float:
        """Seconds, or a number with one of the units s, m, h, d."""
        return self.read(name, lambda text: durations.read_between(text, low, high), default)


def log_level(text: str) -> str:
    """Read the level from which on lines are logged."""
    level = text.upper()
    if level not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise SettingsError("LOG_LEVEL", f"{text!r} is not DEBUG, INFO, WARNING or ERROR")
    return level


def name_instance(name: str) -> str:
    """Name this process: readable, and unique for each life, as epochs are made from it."""
    readable = re.sub(r"[^A-Za-z0-9]", "", name)[:16] or "partyline"
    return f"{readable}_{secrets.token_hex(4)}"
