"""How the commands' arguments are read, and what is wrong with them in words."""

import argparse
import math
from collections.abc import Callable

from rehearsal.frames import Stall


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
