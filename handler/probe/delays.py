"""What became of the words that were said: which came, and how late. Pure."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any


def words(text: str) -> list[str]:
    """Return the words of a text, as they are compared."""
    return re.findall(r"[a-z0-9']+", text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))


def arrived(expected: Sequence[str], came: Sequence[str]) -> int:
    """Return how many of the expected words came, in their order."""
    matcher = SequenceMatcher(None, expected, came, autojunk=False)
    return sum(block.size for block in matcher.get_matching_blocks())


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that so large a share of them (0 to 1) does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass(slots=True)
class Heard:
    """
    What a viewer of the call has got.

    Attributes:
        types: Of the records, in order; finals are ``Results``.
        words: Of each track, in order.
        delays: Of each final with words, in seconds: from the moment at which the end of its last
            word had been sent to its arrival.
        first: How long after the beginning of the audio the first words came, interims too.
        end: The record that ended the call.
    """

    types: list[str] = field(default_factory=list)
    words: dict[str, list[str]] = field(default_factory=dict)
    delays: list[float] = field(default_factory=list)
    first: float | None = None
    end: dict[str, Any] | None = None

    def receive(self, message: dict[str, Any], at: float) -> None:
        """
        Take a message.

        Args:
            message: As it came to the viewer.
            at: When, in seconds of the audio: 0 is when its first sample was said.
        """
        kind = message.get("type")
        text, end = _said(message) if kind == "Results" else ("", 0.0)
        if text and self.first is None:
            self.first = at
        if "seq" not in message:
            return  # an interim, which may change
        self.types.append(str(kind))
        if text:
            self.words.setdefault(str(message.get("track")), []).extend(words(text))
            self.delays.append(at - end)
        if kind == "CallEnded":
            self.end = message


def _said(message: dict[str, Any]) -> tuple[str, float]:
    """Return the text of a result, and where its last word ends, on the call clock."""
    try:
        best = message["channel"]["alternatives"][0]
        text, timed = str(best["transcript"]), best.get("words") or ()
        if timed:
            return text, float(timed[-1]["end"])
        return text, float(message["start"]) + float(message["duration"])
    except (LookupError, TypeError, ValueError, AttributeError):
        return "", 0.0
