"""Twilio's API as a process sees it that moves its calls: what is asked for comes at once."""

import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from starlette.responses import Response
from support.containers import Container, Phone
from support.sids import account_sid, stream_sid
from support.twilio_api import Api, Asked, said, serving

STREAMS = re.compile(r"/2010-04-01/Accounts/AC\w+/Calls/(CA\w+)/Streams(?:/(MZ\w+))?\.json")


@dataclass
class Twilio:
    """
    Running calls, and where their further media streams go.

    Attributes:
        target: The container behind the load balancer; None: none takes them.
        room: Whether a call may have a second stream.
        begun: The calls of which another stream was asked for, in order.
        stopped: Those of which one was stopped.
        order: Both, as they came.
    """

    phones: dict[str, Phone] = field(default_factory=dict)
    target: Container | None = None
    room: bool = True
    begun: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    api: Api = field(default_factory=Api)

    def call(self, number: int, container: Container, **options: int) -> Phone:
        """Begin a call whose first media stream goes to a container."""
        phone = Phone(number, **options)
        self.phones[phone.call_sid] = phone
        phone.stream(container)
        return phone

    def answer(self, asked: Asked) -> Response:
        found = STREAMS.fullmatch(asked.path)
        assert found, asked.path
        phone = self.phones[found[1]]
        if found[2] is not None:
            self.stopped.append(found[1])
            self.order.append("stop")
            phone.stop()
            return said(200, {"sid": found[2], "status": "stopped"})
        self.begun.append(found[1])
        self.order.append("create")
        succeeding = not any(media.end is not None for media in phone.media)
        if succeeding and not self.room:
            return said(400, {"code": 31941, "message": "too many tracks"})
        if self.target is not None:
            phone.stream(self.target, succeeding=succeeding)
        return said(201, {"sid": stream_sid(len(phone.media)), "status": "in-progress"})


@contextlib.asynccontextmanager
async def twilio() -> AsyncIterator[tuple[Twilio, dict[str, object]]]:
    """Serve the API; yields it, and the settings of containers that use it."""
    made = Twilio()
    made.api.answer = made.answer
    async with serving(made.api) as url:
        yield (
            made,
            {
                "twilio_api_url": url,
                "twilio_account_sid": account_sid(1),
                "twilio_auth_tokens": ("0" * 32,),
                "public_url": "https://calls.example.com",
            },
        )
