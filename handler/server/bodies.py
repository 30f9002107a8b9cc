"""
Which requests may bring a body, and how much of one. Pure.

None may, unless the path is one of those that take one: nothing here is uploaded. Others are
answered from their head, and nothing more of their connection is read.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

NO_PATH = re.compile(r"(?!)")
# Requests by another method bring none to a door that takes it: the application says so, in words.
BODILESS = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Bodies:
    """
    The bodies that are taken.

    Attributes:
        paths: Matches whole the paths that take one.
        most: Bytes of it.
    """

    paths: re.Pattern[str] = NO_PATH
    most: int = 0


NO_BODIES = Bodies()


class Verdict(Enum):
    """What becomes of a request that has a body."""

    READ = auto()  # it is handed on, as far as its bound
    UNREAD = auto()  # the application answers without it
    NOT_TAKEN = auto()
    TOO_LARGE = auto()


def judge(
    method: str, path: str, headers: Sequence[tuple[bytes, bytes]], bodies: Bodies
) -> Verdict | None:
    """Return what becomes of a request's body; None if it has none."""
    length = 0
    chunked = False
    for name, value in headers:
        if name == b"content-length":
            length = int(value)  # the parser has let digits through alone
        chunked |= name == b"transfer-encoding"
    if not length and not chunked:
        return None
    if bodies.paths.fullmatch(path):
        return Verdict.READ if length <= bodies.most else Verdict.TOO_LARGE
    return Verdict.NOT_TAKEN if method in BODILESS else Verdict.UNREAD
