"""
What a process is for: the media streams of calls, their subscribers, or both. Pure.

One image scales apart by calls and by readers: a proxy sends each to the containers that take it.
"""

import enum
import re


class Role(enum.Enum):
    """What a process takes in."""

    MEDIA = "media"  # Twilio: media streams and webhooks
    SUBSCRIBERS = "subscribers"  # whoever reads: sockets, event streams, transcripts, the page


Roles = frozenset[Role]
BOTH: Roles = frozenset(Role)


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
