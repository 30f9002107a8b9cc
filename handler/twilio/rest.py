"""
Twilio's REST API: begin and stop media streams, ask for calls, read and set numbers.

What may be asked again is: 429 was never worked on, what was not sent neither, and a question
changes nothing. A request that changes something and may have been worked on is made once.
Source: https://www.twilio.com/docs/usage/api and docs/usage/rest-api-best-practices
"""

import asyncio
import importlib
import itertools
import random
import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import quote, urlencode

import structlog

from handler.errors import TwilioApiError
from handler.twilio import resources
from handler.twilio.accounts import Accounts
from handler.twilio.pace import IN_FLIGHT, Pace, pause, read_retry_after
from handler.twilio.resources import CallResource, PhoneNumber, Stream

if TYPE_CHECKING:
    from handler.twilio.api_connection import Answer, ApiConnection, Credentials

API_URL = "https://api.twilio.com"
CONNECTION = "handler.twilio.api_connection"
# From the wish to its answer, the wait for others and all tries included.
PATIENCE_SECONDS = 30.0
CONCURRENT = "Twilio-Concurrent-Requests"

_log = structlog.get_logger()


class Lane:
    """The requests of one account: so many at once as its pace allows, in the order they came."""

    def __init__(self) -> None:
        self.pace = Pace()
        self.users = 0
        self._active = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> Self:
        if self._active < self.pace.room and not self._waiting:
            self._active += 1
            return self
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if not place.cancelled():  # it came at the moment we left
                await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._active -= 1
        while self._waiting and self._active < self.pace.room:
            place = self._waiting.popleft()
            if not place.done():  # else who waited has left
                self._active += 1
                place.set_result(None)


@dataclass(slots=True)
class _Wish:
    """What somebody wants of the API, and what has become of it so far."""

    account_sid: str
    method: str
    path: str
    body: bytes | None
    on_its_way: bool = False
    failure: TwilioApiError | None = None

    def given_up(self, patience: float) -> TwilioApiError:
        """Return the error of a wish whose time is over."""
        why = f"no answer within {patience:g} s"
        if self.on_its_way or (last := self.failure) is None:
            return TwilioApiError(why, retry=not self.on_its_way or self.method == "GET")
        message = f"{why}; the last time: {last.message}"
        return TwilioApiError(message, status=last.status, code=last.code, retry=True)


class RestClient:
    """
    Asks Twilio's REST API with the credentials of the account that is asked for.

    Many may ask at once: ``IN_FLIGHT`` requests of this process are on their way, fewer of an
    account that gets 429. Nothing is imported or opened before the first one, or :meth:`prepare`.

    Attributes:
        note_duration: Told how long each answer took, in seconds.
        in_flight: How many requests wait for an answer now.
        requests: How many were sent, repeated ones included.
        throttled: How many of them were answered 429.
        failed: How many wishes came to nothing.
        concurrent: Twilio's own count of the account's requests at once, at the last answer.
        most_concurrent: The highest that was seen.
    """

    def __init__(
        self,
        accounts: Accounts,
        api_url: str = API_URL,
        *,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._accounts = accounts
        self._api_url = api_url
        self.note_duration: Callable[[float], None] = lambda _: None
        self._patience = patience
        self._connection: asyncio.Task[ApiConnection] | None = None
        self._places = asyncio.Semaphore(IN_FLIGHT)
        self._lanes: dict[str, Lane] = {}
        self.requests = self.throttled = self.failed = 0
        self.concurrent = self.most_concurrent = self.in_flight = 0
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def prepare(self) -> None:
        """Load what a request needs: there will be many soon. Never waits."""
        self._connecting()

    async def close(self) -> None:
        """Close what is open; requests that are on their way fail."""
        self._closed = True
        if self._connection is not None:
            await (await self._connection).close()

    async def start_stream(
        self,
        account_sid: str,
        call_sid: str,
        *,
        url: str,
        name: str | None = None,
        track: str = "both_tracks",
        status_callback: str | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> Stream:
        """
        Begin a media stream of a call in progress.

        Raises:
            TwilioApiError: it did not begin; without ``retry`` and ``status`` it may have.
        """
        form = resources.stream_form(
            url, name=name, track=track, status_callback=status_callback, parameters=parameters
        )
        path = _path("Calls", call_sid, "Streams")
        return resources.read(await self._post(account_sid, path, form), Stream)

    async def stop_stream(self, account_sid: str, call_sid: str, sid_or_name: str) -> Stream:
        """
        Stop a media stream, whoever began it.

        Raises:
            TwilioApiError: it was not stopped, or had ended before.
        """
        path = _path("Calls", call_sid, "Streams", sid_or_name)
        return resources.read(await self._post(account_sid, path, [("Status", "stopped")]), Stream)

    async def fetch_call(self, account_sid: str, call_sid: str) -> CallResource | None:
        """
        Return a call; None if Twilio knows none.

        Raises:
            TwilioApiError: there is no answer, or a refusal.
        """
        try:
            answer = await self._ask(account_sid, "GET", _path("Calls", call_sid))
        except TwilioApiError as exc:
            if exc.status == 404:
                return None
            raise
        return resources.read(answer, CallResource)

    async def find_number(self, account_sid: str, number: str) -> PhoneNumber | None:
        """
        Return a number of the account; None if it has none such.

        Raises:
            TwilioApiError: there is no answer, or a refusal.
        """
        # Twilio also finds numbers that hold this one.
        query = urlencode({"PhoneNumber": number, "PageSize": "50"})
        answer = await self._ask(account_sid, "GET", f"{_path('IncomingPhoneNumbers')}?{query}")
        found = resources.read_numbers(answer)
        return next((one for one in found if one.phone_number == number), None)

    async def set_number(
        self, account_sid: str, number_sid: str, fields: Mapping[str, str]
    ) -> PhoneNumber:
        """
        Set some fields of a number, named as in a form (``VoiceUrl``); empty ones are cleared.

        Raises:
            TwilioApiError: nothing was set; without ``retry`` and ``status`` it may have been.
        """
        path = _path("IncomingPhoneNumbers", number_sid)
        return resources.read(
            await self._post(account_sid, path, list(fields.items())), PhoneNumber
        )

    async def _post(self, account_sid: str, path: str, form: resources.Pairs) -> bytes:
        return await self._ask(account_sid, "POST", path, urlencode(form).encode())

    async def _ask(
        self, account_sid: str, method: str, path: str, body: bytes | None = None
    ) -> bytes:
        """Have a wish fulfilled, in as many tries as are safe, before patience ends."""
        wish = _Wish(account_sid, method, f"/2010-04-01/Accounts/{account_sid}/{path}", body)
        lane = self._lanes.setdefault(account_sid, Lane())
        lane.users += 1
        try:
            async with asyncio.timeout(self._patience):
                return await self._until_answered(wish, lane)
        except TimeoutError as exc:
            self.failed += 1
            raise wish.given_up(self._patience) from exc
        except TwilioApiError:
            self.failed += 1
            raise
        finally:
            lane.users -= 1
            if not lane.users:  # what was learnt of an account that nobody asks grows old
                del self._lanes[account_sid]

    async def _until_answered(self, wish: _Wish, lane: Lane) -> bytes:
        credentials = self._credentials(wish.account_sid)
        for tries in itertools.count(1):
            try:
                return await self._once(wish, lane, credentials[0])
            except TwilioApiError as exc:
                wish.on_its_way = False
                if exc.status == 401 and len(credentials) > 1:
                    del credentials[0]  # of a rotation, or of another region
                    continue
                if not exc.retry:
                    raise
                wish.failure = exc
            chance = random.random()  # noqa: S311  no secret
            await asyncio.sleep(pause(tries, wish.failure.retry_after, chance))
        raise AssertionError("counted to the end")

    async def _once(self, wish: _Wish, lane: Lane, credentials: "Credentials") -> bytes:
        """
        Make a request when it is its turn.

        Raises:
            TwilioApiError: there is no answer, or a refusal.
        """
        connection = await self._connected()
        async with lane, self._places:
            if self._closed:
                raise TwilioApiError("this process ends")
            self.requests += 1
            begun = time.monotonic()
            wish.on_its_way = True
            self.in_flight += 1
            try:
                answer = await connection.ask(wish.method, wish.path, wish.body, credentials)
            finally:
                self.in_flight -= 1
            now = time.monotonic()
            self.note_duration(now - begun)
            self._note_concurrent(answer)
            if answer.status == 429:
                self._throttled(wish, lane, begun, now)
            else:
                lane.pace.answered()
        if 200 <= answer.status < 300:
            return answer.body
        raise _refusal(wish, answer)

    def _note_concurrent(self, answer: "Answer") -> None:
        text = answer.headers.get(CONCURRENT, "")
        if re.fullmatch(r"[0-9]{1,6}", text):
            self.concurrent = int(text)
            self.most_concurrent = max(self.most_concurrent, self.concurrent)

    def _throttled(self, wish: _Wish, lane: Lane, begun: float, now: float) -> None:
        self.throttled += 1
        if lane.pace.refused(begun, now):
            _log.info(
                "twilio's API has too many requests of this account at once",
                account_sid=wish.account_sid,
                at_once=lane.pace.room,
                counted=self.concurrent,
            )

    async def _connected(self) -> "ApiConnection":
        return await asyncio.shield(self._connecting())

    def _connecting(self) -> "asyncio.Task[ApiConnection]":
        if self._connection is None:
            # In a thread: the HTTP client is large, and calls go on meanwhile.
            self._connection = asyncio.create_task(asyncio.to_thread(_connect, self._api_url))
        return self._connection

    def _credentials(self, account_sid: str) -> "list[Credentials]":
        """
        Return the user names and passwords to try, in order.

        Raises:
            TwilioApiError: there are none.
        """
        account = self._accounts.find(account_sid)
        found: list[Credentials] = []
        if account is not None and account.api_key is not None:
            found = [account.api_key]
        elif account is not None:
            found = [(account_sid, token) for token in account.auth_tokens]
        if not found:
            raise TwilioApiError(
                f"no credentials for {account_sid}: set TWILIO_API_KEY, or TWILIO_ACCOUNTS"
            )
        return found


def _path(*parts: str) -> str:
    """Return where something of an account is; no part leads elsewhere, whatever it holds."""
    return "/".join(quote(part, safe="") for part in parts) + ".json"


def _connect(api_url: str) -> "ApiConnection":
    connection: ApiConnection = importlib.import_module(CONNECTION).ApiConnection(api_url)
    return connection


def _refusal(wish: _Wish, answer: "Answer") -> TwilioApiError:
    again = answer.status == 429 or (answer.status >= 500 and wish.method == "GET")
    after = read_retry_after(answer.headers.get("Retry-After"))
    return resources.refusal(answer.status, answer.body, retry=again, retry_after=after)
