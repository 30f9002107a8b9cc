"""What every plain request of a subscriber needs: who asks, and how errors are answered."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog
from starlette.requests import Request
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
from handler.subscribers.admission import Subscribers
from handler.tokens.tokens import Grant

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
}

_log = structlog.get_logger()


class Service(Protocol):
    """What has subscribers once it runs."""

    subscribers: Subscribers


def private_route(path: str, service: Service, handle: Handler) -> Route:
    """Make a route that asks for a token, and answers what goes wrong."""

    async def endpoint(request: Request) -> Response:
        subscribers = service.subscribers
        try:
            grant = await subscribers.access.authenticate(request)
            response = await handle(request, grant)
        except HandlerError as exc:
            response = refusal(exc, subscribers)
            subscribers.refused += 1
            if isinstance(exc, InvalidToken):
                _log.info("request refused", path=request.url.path[:80], reason=exc.reason)
        response.headers.update(PRIVATE)
        return response

    return Route(path, endpoint)


def refusal(exc: HandlerError, subscribers: Subscribers) -> Response:
    """Return what a request is answered that went wrong; an error that is not ours goes on."""
    match exc:
        case InvalidToken():
            return PlainTextResponse("unauthorized\n", 401, {"WWW-Authenticate": "Bearer"})
        case Forbidden():
            return PlainTextResponse("forbidden\n", 403)
        case AlreadyComplete():
            return Response(status_code=204)  # an EventSource takes it as the end
        case AtCapacity():
            return PlainTextResponse(f"{exc}\n", 503, subscribers.elsewhere)
        case SubscriberError():
            return PlainTextResponse(f"{exc.reason}\n", STATUSES.get(exc.code, 400))
        case _:
            raise exc
