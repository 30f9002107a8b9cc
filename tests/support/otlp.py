"""A collector of OpenTelemetry's: takes spans over HTTP, as its own library reads them."""

import asyncio
import gzip
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from starlette.requests import Request
from starlette.responses import Response
from support.timing import patience

PATH = "/v1/traces"
PROTOBUF = "application/x-protobuf"


class Told(NamedTuple):
    """A span, and what the process that made it says of itself."""

    span: Span
    process: dict[str, str]

    @property
    def facts(self) -> dict[str, str]:
        return {each.key: each.value.string_value for each in self.span.attributes}


@dataclass
class Collector:
    """What it was told; served, it is an ASGI application."""

    spans: list[Told] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        body = await request.body()
        if (request.method, request.url.path) != ("POST", PATH):
            await Response(status_code=404)(scope, receive, send)
            return
        assert request.headers["content-type"] == PROTOBUF
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        for part in ExportTraceServiceRequest.FromString(body).resource_spans:
            process = {each.key: each.value.string_value for each in part.resource.attributes}
            for scoped in part.scope_spans:
                self.spans += [Told(span, process) for span in scoped.spans]
        async with self.news:
            self.news.notify_all()
        answer = ExportTraceServiceResponse().SerializeToString()
        await Response(answer, media_type=PROTOBUF)(scope, receive, send)

    async def is_told(self, name: str, times: int) -> list[Told]:
        """Wait until there are so many spans of a name; returns them."""
        async with patience(), self.news:
            await self.news.wait_for(lambda: len(self.named(name)) >= times)
        return self.named(name)

    def named(self, name: str) -> list[Told]:
        return [told for told in self.spans if told.span.name == name]
