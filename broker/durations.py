"""Times as people write them: ``90``, ``90s``, ``30m``, ``12h``, ``7d``. Pure."""

import re

UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
FORM = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)([smhd]?)")
NAMES = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))


def read(text: str) -> float:
    """Return how many seconds a text says; one that says none is a ValueError."""
    match = FORM.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a time such as 90, 90s, 30m, 12h or 7d")
    return float(match[1]) * UNITS[match[2]]


def read_between(text: str, low: float, high: float) -> float:
    """Return how many seconds a text says; too few or too many are a ValueError too."""
    seconds = read(text)
    if not low <= seconds <= high:
        meant = "" if text[-1] in UNITS else f" ({shown(seconds)})"
        raise ValueError(f"{text!r}{meant} is not between {shown(low)} and {shown(high)}")
    return seconds


def shown(seconds: float) -> str:
    """Say a time in the largest unit of which it is a whole number, or in seconds."""
    name, unit = next(
        ((name, unit) for name, unit in NAMES if seconds >= unit and seconds % unit == 0),
        ("second", 1),
    )
    number = f"{seconds / unit:.6f}".rstrip("0").rstrip(".")
    return f"{number} {name}{'' if number == '1' else 's'}"
