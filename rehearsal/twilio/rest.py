"""
The REST API of accounts, as far as calls that are transcribed need it.

Source: https://www.twilio.com/docs/voice/api, and Twilio's OpenAPI description of it
"""

import asyncio
import base64
import binascii
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlencode

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rehearsal.errors import RestError
from rehearsal.twilio import resources, twiml
from rehearsal.twilio.account import Account
from rehearsal.twilio.exchange import Exchange
from rehearsal.twilio.legs import EVENTS, Interest, Status
from rehearsal.twilio.numbers import Number
from rehearsal.twilio.reach import may_be_called
from rehearsal.twilio.running_call import RunningCall, Source

MAX_BODY = 64 * 1024
MAX_TWIML = 4000
MAX_PARAMETERS = 99
MAX_PAGE = 1000
USUAL_PAGE = 50

Form: TypeAlias = Mapping[str, str]


@dataclass(slots=True)
class Load:
    """
    How busy the API is.

    Attributes:
        latency: How many seconds each answer takes.
        most: How many requests of an account may be in flight; one more is refused with 429.
        refuse: How many of the next requests are refused with 429, whatever else is in flight.
    """

    latency: float = 0.0
    most: int = 100
    refuse: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that may be answered: whose it is, and what it says."""

    account: Account
    form: Form
    events: tuple[str, ...]
    query: Form
    path: Mapping[str, str]
    url: str


Answering: TypeAlias = Callable[[Asked], tuple[int, dict[str, Any]]]


class Rest:
    """
    Answers requests.

    Attributes:
        load: How busy it is; may be changed at any time.
        in_flight: How many requests of each account are being answered.
    """

    def __init__(self, accounts: Mapping[str, Account], exchange: Exchange) -> None:
        self.load = Load()
        self.in_flight = dict.fromkeys(accounts, 0)
        self._accounts = accounts
        self._exchange = exchange
        of = resources.path_of_account("{account}")
        calls, numbers = f"{of}/Calls", f"{of}/IncomingPhoneNumbers"
        self.app = Starlette(
            routes=[
                self._route("GET", f"{of}.json", _fetch_account),
                self._route("GET", f"{calls}.json", _list_calls),
                self._route("POST", f"{calls}.json", self._create_call),
                self._route("GET", f"{calls}/{{call}}.json", _fetch_call),
                self._route("POST", f"{calls}/{{call}}.json", _update_call),
                self._route("POST", f"{calls}/{{call}}/Streams.json", _create_stream),
                self._route("POST", f"{calls}/{{call}}/Streams/{{stream}}.json", _stop_stream),
                self._route("GET", f"{numbers}.json", _list_numbers),
                self._route("GET", f"{numbers}/{{number}}.json", _fetch_number),
                self._route("POST", f"{numbers}/{{number}}.json", _update_number),
            ],
            exception_handlers={HTTPException: _nothing_there},
        )

    def _route(self, method: str, path: str, answer: Answering) -> Route:
        async def endpoint(request: Request) -> JSONResponse:
            return await self._answer(request, answer)

        return Route(path, endpoint, methods=[method], name=f"{method} {path}")

    async def _answer(self, request: Request, answer: Answering) -> JSONResponse:
        """Answer one request, in its time, or refuse it."""
        begun = time.monotonic()
        account = self._accounts.get(request.path_params["account"])
        in_flight = 0
        if account is not None:
            self.in_flight[account.sid] += 1
            in_flight = self.in_flight[account.sid]
        try:
            account = _authenticated(account, request)
            self._make_room(in_flight)
            asked = await _read(request, account)
            await asyncio.sleep(self.load.latency)
            status, body = answer(asked)
        except RestError as refusal:
            status, body = refusal.status, resources.error(refusal)
        finally:
            if account is not None:
                self.in_flight[account.sid] -= 1
        headers = {
            "Twilio-Concurrent-Requests": str(in_flight),
            "Twilio-Request-Duration": f"{time.monotonic() - begun:.3f}",
        }
        if status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="Twilio API"'
        return JSONResponse(body, status, headers)

    def _make_room(self, in_flight: int) -> None:
        if self.load.refuse:
            self.load.refuse -= 1
        elif in_flight <= self.load.most:
            return
        raise RestError(429, 20429, "Too Many Requests")

    def _create_call(self, asked: Asked) -> tuple[int, dict[str, Any]]:
        form = asked.form
        for name in ("To", "From"):
            if not form.get(name):
                raise RestError(400, 21201 if name == "To" else 21603, f"No '{name}' is specified")
        interest = Interest(
            _url(form, "StatusCallback"),
            _method(form, "StatusCallbackMethod"),
            asked.events or ("completed",),
        )
        ring = form.get("Timeout", "60")
        call = self._exchange.call_out(
            asked.account,
            form["To"],
            form["From"],
            _source(form),
            interest=interest,
            ring_seconds=float(ring) if ring.isdecimal() else 60.0,
        )
        return 201, resources.call(call.leg)


def _fetch_account(asked: Asked) -> tuple[int, dict[str, Any]]:
    return 200, resources.account(asked.account.sid, time.time())


def _list_calls(asked: Asked) -> tuple[int, dict[str, Any]]:
    filters = {
        "ParentCallSid": "parent_call_sid",
        "Status": "status",
        "To": "to",
        "From": "from",
    }
    wanted = {key: asked.query[name] for name, key in filters.items() if name in asked.query}
    calls = (resources.call(call.leg) for call in reversed(asked.account.calls.values()))
    found = [call for call in calls if all(call[key] == value for key, value in wanted.items())]
    return 200, _page("calls", asked, found)


def _fetch_call(asked: Asked) -> tuple[int, dict[str, Any]]:
    return 200, resources.call(_call(asked).leg)


def _update_call(asked: Asked) -> tuple[int, dict[str, Any]]:
    call, form = _live_call(asked), asked.form
    if "Status" in form:
        begun = call.leg.answered_at is not None
        match form["Status"]:
            case "completed":
                call.hang_up()
            case "canceled" if not begun:
                call.hang_up(Status.CANCELED)
            case "canceled":
                pass  # only what was not answered can be cancelled
            case other:
                raise RestError(400, 21218, f"Invalid Status: {other}")
    elif "Twiml" in form or "Url" in form:
        if call.leg.status is not Status.IN_PROGRESS:
            raise RestError(400, 21220, "Call is not in-progress. Cannot redirect.")
        call.redirect(_source(form))
    if "StatusCallback" in form:
        call.leg.interest = Interest(
            _url(form, "StatusCallback"),
            _method(form, "StatusCallbackMethod"),
            asked.events or call.leg.interest.events,
        )
    return 200, resources.call(call.leg)


def _create_stream(asked: Asked) -> tuple[int, dict[str, Any]]:
    call, form = _live_call(asked), asked.form
    if call.clock is None:
        raise RestError(400, 21220, "Call is not in-progress")
    if not form.get("Url"):
        raise RestError(400, 20001, "Missing required parameter Url in the post body")
    parameters = tuple(_parameters(form))
    track = form.get("Track", "inbound_track")
    stream = twiml.Stream(
        url=form["Url"],
        name=form.get("Name", ""),
        track=track,
        status_callback=_url(form, "StatusCallback"),
        status_callback_method=_method(form, "StatusCallbackMethod"),
        parameters=parameters,
        problem=twiml.problem_of(form["Url"], track, parameters),
    )
    if (refusal := call.forks.refusal(stream)) is not None:
        code, name, detail = refusal
        raise RestError(400, code, f"{name}: {detail}")
    fork = call.forks.start(stream, call.clock)
    return 200, resources.stream(call.leg, fork.sid, fork.name, stopped=False, at=fork.updated_at)


def _stop_stream(asked: Asked) -> tuple[int, dict[str, Any]]:
    call = _live_call(asked)
    fork = call.forks.find(asked.path["stream"])
    if fork is None:
        raise _not_found(asked.url)
    if asked.form.get("Status") != "stopped":
        raise RestError(400, 20001, "Status has to be stopped")
    fork.stop()
    return 200, resources.stream(call.leg, fork.sid, fork.name, stopped=True, at=fork.updated_at)


def _list_numbers(asked: Asked) -> tuple[int, dict[str, Any]]:
    numbers = asked.account.numbers
    found = numbers.matching(asked.query.get("PhoneNumber", ""))
    return 200, _page("incoming_phone_numbers", asked, [resources.number(one) for one in found])


def _fetch_number(asked: Asked) -> tuple[int, dict[str, Any]]:
    return 200, resources.number(_number(asked))


def _update_number(asked: Asked) -> tuple[int, dict[str, Any]]:
    number = _number(asked)
    number.update(asked.form, time.time())
    return 200, resources.number(number)


def _authenticated(account: Account | None, request: Request) -> Account:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    try:
        user, _, password = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        scheme = user = password = ""
    if account is None or scheme.lower() != "basic" or not account.may(user, password):
        raise RestError(401, 20003, "Authentication Error - invalid username")
    return account


async def _read(request: Request, account: Account) -> Asked:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY:
            raise RestError(413, 20413, "Request entity too large")
    pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    events = tuple(value for name, value in pairs if name == "StatusCallbackEvent")
    return Asked(
        account,
        dict(pairs),
        tuple(event for event in events if event in EVENTS.values()),
        dict(request.query_params),
        request.path_params,
        request.url.path,
    )


def _call(asked: Asked) -> RunningCall:
    call = asked.account.calls.get(asked.path["call"])
    if call is None:
        raise _not_found(asked.url)
    return call


def _live_call(asked: Asked) -> RunningCall:
    """Return a call that can be changed: one that is over is as unknown as any."""
    call = _call(asked)
    if call.leg.status.final or call.hung_up is not None:
        raise _not_found(asked.url)
    return call


def _number(asked: Asked) -> Number:
    number = asked.account.numbers.by_sid.get(asked.path["number"])
    if number is None:
        raise _not_found(asked.url)
    return number


def _not_found(path: str) -> RestError:
    return RestError(404, 20404, f"The requested resource {path} was not found")


async def _nothing_there(request: Request, exc: Exception) -> Response:
    """Answer where there is nothing, or not by this method: Streams cannot be fetched."""
    status = exc.status_code if isinstance(exc, HTTPException) else 500
    if status == 405:
        refusal = RestError(405, 20004, "Method not allowed")
    else:
        refusal = _not_found(request.url.path)
    return JSONResponse(resources.error(refusal), refusal.status)


def _source(form: Form) -> Source:
    """Return what a call is to do: TwiML, or a URL to ask for it."""
    if text := form.get("Twiml"):
        if len(text) > MAX_TWIML:
            raise RestError(400, 21617, f"Twiml is longer than {MAX_TWIML} characters")
        return Source(twiml=text)
    if not form.get("Url"):
        raise RestError(400, 21205, "Url parameter is required.")
    fallback = _url(form, "FallbackUrl")
    return Source(
        _url(form, "Url"),
        _method(form, "Method"),
        fallback=(fallback, _method(form, "FallbackMethod")) if fallback else None,
    )


def _url(form: Form, name: str) -> str:
    url = form.get(name, "")
    if url and not (url.startswith("http") and may_be_called(url)):
        raise RestError(400, 21205, f"{name} is not a valid URL: {url}")
    return url


def _method(form: Form, name: str) -> str:
    method = form.get(name, "POST").upper()
    if method not in ("GET", "POST"):
        raise RestError(400, 21403, f"{name} is not a valid method: {method}")
    return method


def _parameters(form: Form) -> list[tuple[str, str]]:
    numbers = [match[1] for name in form if (match := re.fullmatch(r"Parameter(\d+)\.Name", name))]
    if any(int(number) > MAX_PARAMETERS for number in numbers):
        raise RestError(400, 20001, f"more than {MAX_PARAMETERS} parameters")
    return [
        (form[f"Parameter{number}.Name"], form.get(f"Parameter{number}.Value", ""))
        for number in sorted(numbers, key=int)
    ]


def _page(key: str, asked: Asked, found: list[dict[str, Any]]) -> dict[str, Any]:
    query = dict(asked.query)
    size, number = query.pop("PageSize", ""), query.pop("Page", "")
    return resources.page(
        key,
        asked.url,
        found,
        number=int(number[:6]) if number.isdecimal() else 0,
        size=max(1, min(int(size[:6]), MAX_PAGE)) if size.isdecimal() else USUAL_PAGE,
        query=urlencode(query),
    )
