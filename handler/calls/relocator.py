"""Which calls of this process go elsewhere, and when: it leaves, or their streams grow old."""

import asyncio
from typing import Self

import structlog

from broker import supervise
from handler.calls.call import Call
from handler.calls.live_calls import LiveCalls
from handler.calls.tickets import STREAM, SUCCESSOR, Tickets
from handler.config import Settings
from handler.errors import MoveFailed, NoRoomForTracks, TwilioApiError
from handler.parameters import TICKET
from handler.twilio import twiml
from handler.twilio.accounts import Accounts
from handler.twilio.rest import RestClient
from handler.twilio.tickets import Scope

# How often the age of media streams is looked at.
LOOK_SECONDS = 1.0
# What Twilio answers for its own reasons, and not because of the call's other streams.
NOT_OF_TRACKS = frozenset({401, 403, 404, 429})
OVER = 404

_log = structlog.get_logger()


class Relocator:
    """
    Moves calls to other media streams, which a load balancer brings to other containers.

    An async context manager: while it is open, calls whose media stream grows too old are moved.
    """

    def __init__(
        self,
        settings: Settings,
        calls: LiveCalls,
        tickets: Tickets,
        accounts: Accounts,
        rest: RestClient,
    ) -> None:
        self._settings = settings
        self._calls = calls
        self._tickets = tickets
        self._accounts = accounts
        self._rest = rest
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._settings.max_stream_seconds:
            self._task = supervise.keep(self._watch_ages, "ages of media streams")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            await supervise.end(self._task)

    async def move_all(self) -> None:
        """Move all calls: this process is leaving. What cannot be moved stays until the end."""
        await asyncio.gather(*(self.move(call) for call in self._calls.movable()))

    async def move(self, call: Call) -> bool:
        """Let another media stream take a call; returns whether one has it, or soon will."""
        streams = call.streams.sids
        try:
            if not await call.move(lambda: self._ask_for_stream(call, SUCCESSOR)):
                return False
        except NoRoomForTracks:
            return await self._begin_anew(call)
        self._calls.moved += 1
        await self._stop(call, streams)
        return True

    async def _begin_anew(self, call: Call) -> bool:
        """
        Stop a call's media stream, and have another one begin: there is no room for both.

        What is said in between is lost, and told.
        """
        streams = call.streams.sids
        call.leave()
        await self._stop(call, streams)
        try:
            await self._ask_for_stream(call, STREAM)
        except MoveFailed as exc:
            _log.warning("call is left", call_sid=call.call_sid, reason=str(exc))
            return False
        return True

    async def _ask_for_stream(self, call: Call, purpose: str) -> None:
        """
        Ask Twilio for another media stream of a call.

        Raises:
            NoRoomForTracks: only once another one has ended.
            MoveFailed: there will be none.
        """
        base, account = self._settings.public_url, self._accounts.find(call.account_sid)
        if base is None:
            raise MoveFailed("PUBLIC_URL is not set: Twilio cannot be told where to send it")
        if account is None or not (account.api_key or account.auth_tokens):
            raise MoveFailed("no credentials for Twilio's REST API")
        path = self._accounts.path_of(call.account_sid)
        ticket = await self._tickets.issue(
            account, Scope(purpose, call.account_sid, call.call_sid), None
        )
        try:
            await self._rest.start_stream(
                call.account_sid,
                call.call_sid,
                url=twiml.stream_url(base, path),
                name=f"partyline-{ticket[:8]}",
                track=call.streams.track,
                status_callback=twiml.callback_url(base, f"{path}/status"),
                parameters={**call.parameters, TICKET[0]: ticket},
            )
        except TwilioApiError as exc:
            if 400 <= (exc.status or 0) < 500 and exc.status not in NOT_OF_TRACKS:
                raise NoRoomForTracks(str(exc)) from exc
            raise MoveFailed(str(exc)) from exc

    async def _stop(self, call: Call, stream_sids: list[str]) -> None:
        """Stop media streams that nobody listens to any more."""
        for stream_sid in stream_sids:
            try:
                await self._rest.stop_stream(call.account_sid, call.call_sid, stream_sid)
            except TwilioApiError as exc:
                if exc.status == OVER:
                    return
                facts = {"call_sid": call.call_sid, "stream_sid": stream_sid}
                _log.warning("media stream not stopped", reason=str(exc), **facts)
                await call.streams.current.close(1000, "moved")

    async def _watch_ages(self) -> None:
        limit = self._settings.max_stream_seconds
        moving: set[asyncio.Task[bool]] = set()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = asyncio.get_running_loop().time()
            for call in self._calls.movable():
                if now - call.streams.began_at >= limit:
                    task = asyncio.create_task(self.move(call), name=f"{call.call_sid} too old")
                    moving.add(task)
                    task.add_done_callback(moving.discard)
