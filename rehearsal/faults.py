"""How the stand-in for Deepgram treats its connections: the place for faults. Pure."""

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rehearsal.errors import BadScript, Refusal

MAX_SCRIPT = 10_000  # connections


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """
    What the stand-in does to one connection; by default nothing a client must bear.

    Attributes:
        refuse: The answer to its handshake, instead of 101.
        idle_seconds: Without a frame of the client for so long, it is closed. Documented as 10,
            measured as 12.
        unanswered_seconds: Until something was said, KeepAlive holds it open for so long only.
        max_speed: Audio is read no faster than this, in times real time; None for as fast as it
            comes. The service's own is 1.25.
        drop_after: It is dropped so many seconds after its handshake.
        drop_after_audio: It is dropped once it got so many seconds of audio.
        drop_code: What it is dropped with: a close code, or None for no close frame.
        drop_reason: The reason beside the code.
        mute_after: Once it got so many seconds of audio, nothing is said any more; 0 for never
            a word. Audio is read on.
        answer_delay: Everything is said so many seconds later.
        last_delay: So is what CloseStream asks for, besides.
        never_close: CloseStream is answered, but the connection stays open.
    """

    refuse: Refusal | None = None
    idle_seconds: float = 12.0
    unanswered_seconds: float = 30.0
    max_speed: float | None = None
    drop_after: float | None = None
    drop_after_audio: float | None = None
    drop_code: int | None = None
    drop_reason: str = ""
    mute_after: float | None = None
    answer_delay: float = 0.0
    last_delay: float = 0.0
    never_close: bool = False


def read_faults(text: str) -> Callable[[int], Faults]:
    """
    Read a script of faults: a JSON list, an object for each connection in turn.

    The keys are those of :class:`Faults`, ``refuse`` being an HTTP status. Behind the list's end
    all goes well. Example: ``[{"refuse": 503}, {"drop_after": 20, "drop_code": 1011}, {}]``

    Raises:
        BadScript: it says something else.
    """
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise BadScript(f"not JSON: {exc}") from exc
    if not isinstance(entries, list) or len(entries) > MAX_SCRIPT:
        raise BadScript(f"not a list of at most {MAX_SCRIPT} objects")
    read = [_read_entry(number, entry) for number, entry in enumerate(entries)]
    return lambda number: read[number] if number < len(read) else Faults()


def _read_entry(number: int, entry: object) -> Faults:
    if not isinstance(entry, dict):
        raise BadScript(f"entry {number} is not an object")
    kinds = {field.name: str(field.type) for field in dataclasses.fields(Faults)}
    values: dict[str, Any] = {}
    for key, value in entry.items():
        kind = kinds.get(key)
        if kind is None:
            raise BadScript(f"entry {number}: no such fault: {key!r}; there are {', '.join(kinds)}")
        if not _fits(kind, value):
            raise BadScript(f"entry {number}: {key} cannot be {json.dumps(value)}")
        values[key] = Refusal(value) if key == "refuse" else value
    return Faults(**values)


def _fits(kind: str, value: object) -> bool:
    if "bool" in kind:
        return isinstance(value, bool)
    if "str" in kind:
        return isinstance(value, str) and len(value) <= 100
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if "Refusal" in kind:
        return isinstance(value, int) and 300 <= value <= 599
    if "int" in kind:
        return isinstance(value, int) and 1000 <= value <= 4999
    return 0 <= value <= 86_400
