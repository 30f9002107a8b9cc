"""``GET /calls?state=ended``: the calls that are over, as far as a token may see them."""

import asyncio

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from broker.ended_calls import EndedCalls
from broker.ended_index import Page
from broker.errors import HistoryUnavailable
from handler.errors import AtCapacity
from handler.subscribers import ended_query
from handler.subscribers.listing import Rights
from handler.tokens.grants import Grant

# How long a request waits for NATS to say what is kept.
READ_SECONDS = 5.0


class EndedCallsEndpoint:
    """Answers requests for the calls that are over."""

    def __init__(self, ended_calls: EndedCalls) -> None:
        self._ended_calls = ended_calls

    async def serve(self, request: Request, grant: Grant) -> Response:
        """
        Answer with a page of them, newest first.

        Raises:
            SubscriberError: with 4400, and what is wrong with the query.
            AtCapacity: they cannot be told now.
        """
        wanted = ended_query.wanted(request.query_params, Rights.of(grant).names)
        try:
            async with asyncio.timeout(READ_SECONDS):
                page = await self._ended_calls.find(wanted)
        except HistoryUnavailable as exc:
            raise AtCapacity(f"{exc}: try again in some seconds") from None
        except TimeoutError:
            raise AtCapacity("NATS does not answer in time: try again in some seconds") from None
        return Response(message(page), media_type="application/json")


def message(page: Page) -> bytes:
    """Return the ``EndedCalls`` message."""
    calls = b",".join([call.encode() for call in page.calls])
    cursor = None if page.before is None else ended_query.cursor(page.before)
    return b'{"type":"EndedCalls","calls":[%b],"cursor":%b}' % (calls, msgspec.json.encode(cursor))
