"""Who may read what: tokens and origins of subscribers' requests."""

import asyncio
import importlib
import ipaddress
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from handler import addresses
from handler.config import Settings
from handler.errors import Forbidden, InvalidToken
from handler.tokens.grants import EVERYTHING, Grant, Rules

if TYPE_CHECKING:
    from handler.tokens.jwks import KeySet

ANY_ORIGIN = "*"
CHECKS = "handler.tokens.tokens"
FOREIGN_NAME = (
    "without tokens, under an address, a name without a dot, or the name in PUBLIC_URL alone"
)


class Access:
    """
    Checks what a request may read.

    Attributes:
        origins: Of pages that may ask; ``*`` among them is any.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._rules = Rules(settings.token_audience, settings.token_max_age)
        url = settings.token_jwks_url
        self._key_set = None if url is None else _key_set(url)
        self.origins = self._origins()

    @property
    def open_to_all(self) -> bool:
        """Whether nobody needs a token: --insecure, and no keys."""
        return not self._settings.token_keys and self._key_set is None

    async def close(self) -> None:
        """End what still goes on."""
        if self._key_set is not None:
            await self._key_set.close()

    async def authenticate(self, connection: HTTPConnection) -> Grant:
        """
        Return what the token of a request allows: ``?token=`` or ``Authorization: Bearer``.

        Raises:
            InvalidToken: there is none, more than one, or it opens nothing.
            Forbidden: the request comes from a page of an origin that may not ask.
        """
        self._check_origin(connection)
        if self.open_to_all:
            self._check_host(connection)
            return EVERYTHING
        found = connection.query_params.getlist("token")
        for value in connection.headers.getlist("authorization"):
            scheme, _, credentials = value.partition(" ")
            if scheme.lower() == "bearer":
                found.append(credentials.strip())
        if len(found) != 1:
            raise InvalidToken("no token" if not found else "more than one token")
        return await self.verify(found[0])

    async def verify(self, token: str) -> Grant:
        """
        Return what a token allows now.

        Raises:
            InvalidToken: it opens nothing.
        """
        if CHECKS not in sys.modules:
            # In a thread: it takes some 40 ms, and no call's audio waits for the first token.
            await asyncio.to_thread(importlib.import_module, CHECKS)
        from handler.tokens import tokens  # noqa: PLC0415  large: see there

        keys = self._settings.token_keys
        header = tokens.read_header(token)
        if self._key_set is not None and header.algorithm in tokens.ASYMMETRIC:
            keys = (*keys, *await self._key_set.keys(header.key_id))
        return tokens.verify(token, keys, time.time(), self._rules)

    def _origins(self) -> frozenset[str]:
        """
        Return the origins of pages that may ask, or ``*``; our own, of PUBLIC_URL, always may.

        A token is no cookie: a page has none unless it was given one. Without tokens any page in a
        browser on this machine could read calls.
        """
        any_page = () if self.open_to_all else (ANY_ORIGIN,)
        public_url = self._settings.public_url
        own = () if public_url is None else (addresses.origin(public_url),)
        return frozenset((*(self._settings.allowed_origins or any_page), *own))

    def _check_origin(self, connection: HTTPConnection) -> None:
        """A browser says which page asks; other programs do not, and need not."""
        given = connection.headers.get("origin")
        if given is None or ANY_ORIGIN in self.origins:
            return
        host = connection.headers.get("host")
        with suppress(ValueError):
            origin = addresses.origin(given)
            scheme, _, _ = origin.partition("://")
            if origin in self.origins or origin == addresses.origin(f"{scheme}://{host}"):
                return
        raise Forbidden(
            "pages of this origin may not ask: see ALLOWED_ORIGINS, and PUBLIC_URL for the page of "
            "the service itself",
            origin=given[:200],
            host=host,
        )

    def _check_host(self, connection: HTTPConnection) -> None:
        """
        Without tokens, answer to names alone that no page elsewhere can point at us.

        A page may let its own name resolve to this machine, and then ask as if it were ours (DNS
        rebinding). Addresses, names without a dot, and our public one are not its to give.
        """
        try:
            name = connection.url.hostname or ""
            name = addresses.name(name) if name else name
        except ValueError:
            raise Forbidden(FOREIGN_NAME) from None
        public_url = self._settings.public_url
        public = urlsplit(addresses.origin(public_url)).hostname if public_url else None
        if name == public or "." not in name or name.endswith(".localhost"):
            return
        try:
            ipaddress.ip_address(name)
        except ValueError:
            raise Forbidden(FOREIGN_NAME, host=name[:200]) from None


def _key_set(url: str) -> "KeySet":
    from handler.tokens.jwks import KeySet  # noqa: PLC0415  with an HTTP client, which few need

    return KeySet(url)
