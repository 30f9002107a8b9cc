"""The client of NATS, and what it lets pass that it should not."""

from typing import Any

import nats.errors
from nats.aio import client as nats_client
from nats.aio.msg import Msg
from nats.protocol.parser import ERR_RE

from broker import supervise


class Client(nats_client.Client):
    """A client that is cancelled when it is, and says no password in clear instead of by TLS."""

    async def request(self, *args: Any, **kwargs: Any) -> Msg:  # noqa: ANN401  as the client's own
        """Ask, as the client does: whoever is cancelled as the answer comes is cancelled."""
        with supervise.heeding_cancellation():
            return await super().request(*args, **kwargs)

    async def _connect_to_server(self, s: nats_client.Srv) -> None:
        """Connect, after closing what an attempt left open that ended half way."""
        left: Any = self._transport  # nats-py gives its transports no types
        if left is not None:
            left.close()
        await super()._connect_to_server(s)

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        """Take what a server says of itself, before it is told who we are."""
        server = self._current_server
        if server is not None and server.uri.scheme == "tls" and not info.get("tls_required"):
            raise nats.errors.Error(
                "the address says tls://, and the server asks for no TLS: set tls there, or say nats://"
            )
        await super()._process_info(info, initial_connection)

    async def _process_err(self, err_msg: str) -> None:
        """Take a refusal as the server wrote it: the parser makes all of it lower case."""
        refusal = ERR_RE.match(self._ps.buf)  # still there, until it is dealt with
        written = refusal[1].decode(errors="replace") if refusal and refusal[1] else ""
        if written.lower() == err_msg:
            # The client knows errors by their small letters; in quotes are subjects.
            what, quote, subject = written.partition('"')
            err_msg = f"{what.lower()}{quote}{subject}"
        await super()._process_err(err_msg)
