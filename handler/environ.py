"""How single variables of the environment are read. Pure: the environment is an argument."""

import re
from collections.abc import Mapping

from handler.errors import SettingsError

UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


class Reader:
    """Reads variables; an empty one counts as not set, as deployment tools leave them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def optional(self, name: str) -> str | None:
        return self._environ.get(name, "").strip() or None

    def text(self, name: str, default: str) -> str:
        return self.optional(name) or default

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        text = self.optional(name)
        if text is None:
            return default
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise SettingsError(name, f"{text!r} is not a whole number from {low} to {high}")
        return int(text)

    def duration(self, name: str, default: float, low: float, high: float) -> float:
        """Read seconds, or a number with a unit."""
        text = self.optional(name)
        if text is None:
            return default
        try:
            value = parse_duration(text)
        except ValueError as exc:
            raise SettingsError(name, str(exc)) from exc
        if not low <= value <= high:
            raise SettingsError(name, f"{text!r} is not between {low:g} and {high:g} seconds")
        return value


def parse_duration(text: str) -> float:
    """Read a time such as ``90``, ``90s``, ``1.5m``, ``12h`` or ``7d``, or raise ValueError."""
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)([smhd]?)", text)
    if match is None:
        raise ValueError(f"{text!r} is not a time such as 90s, 30m, 12h or 7d")
    return float(match[1]) * UNITS[match[2]]


def split_list(text: str) -> tuple[str, ...]:
    """Split what is separated by commas or blanks; what is empty between them does not count."""
    return tuple(filter(None, re.split(r"[,\s]+", text)))
