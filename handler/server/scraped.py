"""Metrics for whoever scrapes them, on a port of their own."""

import socket
from collections.abc import Callable

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from handler.addresses import cannot_listen
from handler.server.side_port import SidePort

# Connections at once: some Prometheus servers, and somebody who looks.
SCRAPERS = 16


def serve(registry: CollectorRegistry, host: str, port: int) -> Callable[[], None]:
    """
    Serve ``/metrics`` from now on, on the running loop; returns what ends it.

    Raises:
        OSError: the port cannot be opened; says which setting named it.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family)
    except OSError as exc:
        raise OSError(f"METRICS_PORT: {cannot_listen(host, port, exc)}") from exc

    async def tell(scope: Scope, receive: Receive, send: Send) -> None:
        response = Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)
        await response(scope, receive, send)

    return SidePort(tell, listener, SCRAPERS).close
