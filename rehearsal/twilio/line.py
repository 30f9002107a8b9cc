"""What a leg needs of its account and of the stand-in: one for each call."""

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import TypeAlias

from rehearsal.twilio.behaviour import Behaviour
from rehearsal.twilio.reach import Reach

Spawn: TypeAlias = Callable[[Coroutine[object, object, None], str], asyncio.Task[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """
    What a leg is given.

    Attributes:
        auth_token: Signs its media streams and callbacks.
        reach: Where the URLs of its streams lead.
        trust: Whose certificates are trusted, if not those that this machine trusts.
        spawn: Starts a task that its owner waits for.
        alert: Notes an error, by Twilio's code.
        report: Tells people a line.
    """

    behaviour: Behaviour
    auth_token: str = field(repr=False)
    reach: Reach
    trust: ssl.SSLContext | None
    spawn: Spawn
    alert: Callable[[int, str], None]
    report: Callable[[str], None]
