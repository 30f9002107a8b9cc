"""What every plain request of a subscriber needs: who asks, and how errors are answered."""

from collections.abc import Awaitable, Callable, Collection
from typing import Any, Protocol

from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from handler.errors import (
    AlreadyComplete,
    AtCapacity,
    EndCode,
    Forbidden,
    HandlerError,
    InvalidToken,
    SubscriberError,
)
from handler.refusals import refusals
from handler.subscribers import commands
from handler.subscribers.admission import Subscribers
from handler.tokens.grants import Grant

Handler = Callable[[Request, Grant], Awaitable[Response]]
# A transcript is nobody's to keep, and a token in an address is nobody's to pass on.
PRIVATE = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
# What stands for a close code where there is no socket to close.
STATUSES = {
    EndCode.LEAVING: 503,
    EndCode.BAD_REQUEST: 400,
    EndCode.TOKEN: 401,
    EndCode.FORBIDDEN: 403,
    EndCode.NO_SUCH_CALL: 404,
    EndCode.TOO_MUCH: 429,
}
# When to come back, in seconds, where a place may be free by then.
RETRY = {"retry-after": "2"}
# The same whatever the defect is: who guesses learns nothing.
UNAUTHORIZED = (
    "unauthorized: show one token, as Authorization: Bearer or ?token=; why it opens nothing is in "
    "the log of the service\n"
)


class Service(Protocol):
    """What has subscribers once it runs."""

    subscribers: Subscribers


def private_route(path: str, service: Service, handle: Handler, names: Collection[str]) -> Route:
    """Make a route that asks for a token, takes these names, and answers what goes wrong."""

    async def endpoint(request: Request) -> Response:
        subscribers = service.subscribers
        try:
            grant = await subscribers.access.authenticate(request)
            commands.check_names(request.query_params, names)
            response = await handle(request, grant)
        except HandlerError as exc:
            response = refuse(exc, subscribers, request)
        response.headers.update(PRIVATE)
        return response

    return Route(path, endpoint)


def refuse(exc: HandlerError, subscribers: Subscribers, connection: HTTPConnection) -> Response:
    """Count and log a refusal; returns what is answered, which of a token tells nothing."""
    response = refusal(exc, subscribers)
    if isinstance(exc, AlreadyComplete):
        return response
    subscribers.refused += 1
    subscribers.limited += isinstance(exc, SubscriberError) and exc.code is EndCode.TOO_MUCH
    facts: dict[str, Any] = dict(exc.facts) if isinstance(exc, Forbidden) else {}
    facts["path"] = connection.scope.get("path", "")[:80]
    facts["reason"] = getattr(exc, "reason", str(exc))
    refusals.note("subscriber refused", response.status_code, **facts)
    return response


def refusal(exc: HandlerError, subscribers: Subscribers) -> Response:
    """Return what a request is answered that went wrong; an error that is not ours goes on."""
    match exc:
        case InvalidToken():
            return PlainTextResponse(UNAUTHORIZED, 401, {"WWW-Authenticate": "Bearer"})
        case Forbidden():
            return PlainTextResponse(f"forbidden: {exc.reason}\n", 403)
        case AlreadyComplete():
            return Response(status_code=204)  # an EventSource takes it as the end
        case AtCapacity():
            return PlainTextResponse(f"{exc}\n", 503, subscribers.elsewhere)
        case SubscriberError(code=EndCode.TOO_MUCH):
            return PlainTextResponse(f"{exc.reason}\n", STATUSES[exc.code], RETRY)
        case SubscriberError():
            return PlainTextResponse(f"{exc.reason}\n", STATUSES.get(exc.code, 400))
        case _:
            raise exc
