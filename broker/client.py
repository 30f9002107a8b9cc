"""The client of NATS, and what it lets pass that it should not."""

from typing import Any

import nats.errors
from nats.aio import client as nats_client


class Client(nats_client.Client):
    """A client that says no password in clear to a server that it was to reach by TLS."""

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        """Take what a server says of itself, before it is told who we are."""
        server = self._current_server
        if server is not None and server.uri.scheme == "tls" and not info.get("tls_required"):
            raise nats.errors.Error(
                "the address says tls://, and the server asks for no TLS: set tls there, or say nats://"
            )
        await super()._process_info(info, initial_connection)
