"""Who is the caller and who the callee: the one place that knows. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CALLER, CALLEE = "Caller", "Callee"


@dataclass(frozen=True, slots=True)
class Speakers:
    """The names of the two sides."""

    inbound: str
    outbound: str

    def of(self, track: str | None) -> str:
        """Return the name of a side; both sides have none."""
        return {"inbound": self.inbound, "outbound": self.outbound}.get(track or "", "")


def speakers(
    direction: str | None,
    inbound: str | None = None,
    outbound: str | None = None,
    *,
    caller: str | None = None,
    callee: str | None = None,
) -> Speakers:
    """
    Name the sides: as asked for, or by the direction of the call and who is at its ends.

    The track ``inbound`` is what Twilio hears from the leg that the stream belongs to: of a call
    that was made to us that is the caller, of one that we made (``outbound-api``,
    ``outbound-dial``) the callee. A call whose direction is not known counts as made to us.

    Args:
        direction: Of the call.
        inbound: What that track is to be called.
        outbound: Likewise.
        caller: Who calls, if that is known.
        callee: Who is called, if that is known.
    """
    from_leg, to_leg = caller or CALLER, callee or CALLEE
    if (direction or "").startswith("outbound"):
        from_leg, to_leg = to_leg, from_leg
    return Speakers(inbound or from_leg, outbound or to_leg)


def speakers_of(
    started: Mapping[str, Any], inbound: str | None = None, outbound: str | None = None
) -> Speakers:
    """Name the sides of a call as asked for, or as its ``CallStarted`` has them."""
    return speakers(
        started.get("direction"),
        inbound,
        outbound,
        caller=started.get("callerName"),
        callee=started.get("calleeName"),
    )
