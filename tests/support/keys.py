"""What in a file of settings is not as the program knows it that reads the file."""

from typing import Any


def problems(value: Any, known: Any, at: str = "") -> list[str]:
    """
    Return what is wrong with a value, and where.

    Args:
        value: As it was read.
        known: A dict of keys (``*`` for any other), a list of one for each item of a list, a tuple
            of types or of values, or a range.
        at: Where it stands.
    """
    if isinstance(known, dict):
        if not isinstance(value, dict):
            return [f"{at}: not a table"]
        found = []
        for key, inner in value.items():
            below = known.get(key, known.get("*"))
            found += (
                [f"{at}.{key}: unknown key"]
                if below is None
                else problems(inner, below, f"{at}.{key}")
            )
        return found
    if isinstance(known, list):
        if not isinstance(value, list):
            return [f"{at}: not a list of tables"]
        return [p for n, item in enumerate(value) for p in problems(item, known[0], f"{at}[{n}]")]
    if isinstance(known, tuple) and isinstance(known[0], type):
        good = isinstance(value, known) and (bool in known or not isinstance(value, bool))
    else:
        good = value in known and not isinstance(value, bool)
    return [] if good else [f"{at}: {value!r}"]
