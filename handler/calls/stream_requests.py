"""Asks Twilio for another media stream of a call in progress, with a ticket that lets it in."""

import time
from collections.abc import Mapping
from contextlib import suppress

from broker.errors import HistoryUnavailable, NotWritten
from broker.restarts import Restarts
from handler.calls.tickets import Tickets, stream_name
from handler.config import Settings
from handler.errors import MoveFailed, NoRoomForTracks, Stay, TwilioApiError
from handler.parameters import TICKET
from handler.twilio import places
from handler.twilio.accounts import Account, Accounts
from handler.twilio.rest import RestClient
from handler.twilio.tickets import Scope

# What Twilio answers for its own reasons, and not because of the call's other streams.
NOT_OF_TRACKS = frozenset({401, 403, 404, 429})
OVER = 404


def why_not_movable(settings: Settings, account: Account | None) -> str | None:
    """Return why Twilio cannot be asked for another media stream of an account's calls; or None."""
    if settings.public_url is None:
        return "PUBLIC_URL is not set: Twilio cannot be told where to send a call's audio"
    if account is None or not (account.api_key or account.auth_tokens):
        return "no credentials for Twilio's REST API: set TWILIO_API_KEY, or TWILIO_AUTH_TOKEN"
    return None


class StreamRequests:
    """Media streams that this process asks for; a load balancer brings them to any container."""

    def __init__(
        self,
        settings: Settings,
        tickets: Tickets,
        accounts: Accounts,
        rest: RestClient,
        restarts: Restarts,
    ) -> None:
        self._settings = settings
        self._tickets = tickets
        self._accounts = accounts
        self._rest = rest
        self._restarts = restarts

    def problem(self, account_sid: str) -> str | None:
        """Return why there can be none for the calls of an account; None if there can."""
        return why_not_movable(self._settings, self._accounts.find(account_sid))

    async def reserve(self, call_sid: str) -> None:
        """Let other containers wait that hear of the end of a call's media stream: one is ours."""
        with suppress(HistoryUnavailable, NotWritten):
            known = await self._restarts.of(call_sid)
            await self._restarts.begin(known, time.time_ns() // 1_000_000)

    async def ask(
        self,
        account_sid: str,
        call_sid: str,
        *,
        purpose: str,
        track: str,
        parameters: Mapping[str, str],
    ) -> None:
        """
        Ask for one.

        Args:
            account_sid: Of the call.
            call_sid: The call.
            purpose: What its ticket is good for.
            track: Which sides it is to send, as TwiML has it.
            parameters: What it is told of the call, besides the ticket.

        Raises:
            NoRoomForTracks: only once another one has ended.
            MoveFailed: there will be none.
        """
        base, account = self._settings.public_url, self._accounts.find(account_sid)
        reason = why_not_movable(self._settings, account)
        if reason is not None or base is None or account is None:
            raise MoveFailed(reason or "", Stay.NO_ACCESS)
        named = self._accounts.name_in_path(account_sid)
        ticket = await self._tickets.issue(account, Scope(purpose, account_sid, call_sid), None)
        try:
            await self._rest.start_stream(
                account_sid,
                call_sid,
                url=places.stream_url(base, named),
                name=stream_name(ticket),
                track=track,
                status_callback=places.webhook_setting(base, places.STATUS, named),
                parameters={**parameters, TICKET[0]: ticket},
            )
        except TwilioApiError as exc:
            if 400 <= (exc.status or 0) < 500 and exc.status not in NOT_OF_TRACKS:
                raise NoRoomForTracks(str(exc)) from exc
            raise MoveFailed(str(exc), Stay.OVER if exc.status == OVER else Stay.REFUSED) from exc
