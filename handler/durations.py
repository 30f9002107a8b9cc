"""Times as people write them: ``90``, ``90s``, ``30m``, ``12h``, ``7d``. Pure."""

import re

UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
FORM = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)([smhd]?)")


def read(text: str) -> float:
    """Return how many seconds a text says; one that says none is a ValueError."""
    match = FORM.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a time such as 90, 90s, 30m, 12h or 7d")
    return float(match[1]) * UNITS[match[2]]
