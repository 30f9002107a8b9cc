"""Who is the caller and who the callee: the one place that knows. Pure."""

from dataclasses import dataclass

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
    direction: str | None, inbound: str | None = None, outbound: str | None = None
) -> Speakers:
    """
    Name the sides: as asked for, or by the direction of the call.

    The track ``inbound`` is what Twilio hears from the leg that the stream belongs to: of a call
    that was made to us that is the caller, of one that we made (``outbound-api``,
    ``outbound-dial``) the callee. A call whose direction is not known counts as made to us.
    """
    from_leg, to_leg = CALLER, CALLEE
    if (direction or "").startswith("outbound"):
        from_leg, to_leg = CALLEE, CALLER
    return Speakers(inbound or from_leg, outbound or to_leg)
