"""
What a process is for: the media streams of calls, their subscribers, or both. Pure.

One image scales apart by calls and by readers: a proxy sends each to the containers that take it.
"""

import enum
import re

from handler.twilio.places import TWILIO

PROBES = frozenset({"/healthz", "/readyz"})


class Role(enum.Enum):
    """What a process takes in."""

    MEDIA = "media"  # Twilio: media streams and webhooks
    SUBSCRIBERS = "subscribers"  # whoever reads: sockets, event streams, transcripts, the page


Roles = frozenset[Role]
BOTH: Roles = frozenset(Role)

# Where each is found, for those who came to a process of the other kind.
_DOORS = {
    Role.MEDIA: f"Twilio's media streams and webhooks ({TWILIO}…)",
    Role.SUBSCRIBERS: "subscribers (/client, /calls…) and the page",
}


def read_roles(text: str) -> Roles:
    """
    Read the roles of a process, as a setting has them: ``media,subscribers``.

    Raises:
        ValueError: one is unknown, or there is none; it says which there are.
    """
    names = [name for name in re.split(r"[,\s]+", text.lower()) if name]
    known = {role.value: role for role in Role}
    if not names or not known.keys() >= set(names):
        raise ValueError(f"{text!r} is not one of {', '.join(known)}, or both")
    return frozenset(known[name] for name in names)


def role_of(path: str) -> Role | None:
    """Return whose a path is, whatever lies there; None if every process has it."""
    if path in PROBES:
        return None
    return Role.MEDIA if f"{path}/".startswith(f"{TWILIO}/") else Role.SUBSCRIBERS


def wrong_role(path: str, roles: Roles) -> str | None:
    """Return what to say to whoever comes to a process that does not do this; None if it does."""
    role = role_of(path)
    if role is None or role in roles:
        return None
    ours = ",".join(sorted(one.value for one in roles))
    return (
        f"this container has ROLES={ours}: let the proxy before it send {_DOORS[role]} to one with "
        f"ROLES={role.value}."
    )
