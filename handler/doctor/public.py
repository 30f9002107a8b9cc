"""Does PUBLIC_URL lead to this very service, from outside?"""

import asyncio
import re
import ssl
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

from broker.words import said
from handler import addresses
from handler.config import Settings
from handler.doctor.accounts import SETTING, Tried
from handler.doctor.credentials import SET_PUBLIC_URL, Credentials
from handler.findings import Findings
from handler.probe import answers, web
from handler.probe.doors import of_account
from handler.probe.web import Unanswered, Web

CONNECT_SECONDS = 6.0
# Let's Encrypt's certificates are renewed 30 days before their end.
CERTIFICATE_DAYS = 14
# In the words by which the service leads from a wrong door to the right one.
STREAM_URL = re.compile(r'<Stream url="([^"]+)"/>')
# What it says in there where it goes by the Host header.
BY_HOST = "wss://HOST/"
NAMES = ("public.address", "public.tls", "public.ready", "public.service")


class PublicAddress:
    """The service, as the world sees it."""

    names: tuple[str, ...] = (*NAMES, *Credentials.names)
    settings: tuple[str, ...] = ("PUBLIC_URL", "TWILIO_AUTH_TOKEN", SETTING)

    def __init__(self, settings: Settings, tried: Tried, token: str = "") -> None:
        """
        Prepare to look.

        Args:
            settings: Of the service.
            tried: The account by whose doors it is entered.
            token: A reader's, for a service that only checks tokens and mints none.
        """
        self._url = settings.public_url or ""
        auth_token = next(iter(tried.account.auth_tokens), "")
        doors = of_account(self._url, auth_token, tried.account.sid)
        self._doors = replace(doors, own_path=tried.named is not None)
        self._credentials = Credentials(settings, tried, self._doors, token)

    async def look(self, findings: Findings) -> None:
        """Come to its doors, one after the other."""
        if not self._url:
            findings.skip_rest(self.names, "PUBLIC_URL is not set: nobody outside comes here")
            return
        if not (await self._connect(findings) and await self._connect_by_tls(findings)):
            return
        async with web.opened() as asking:
            await self._ready(asking, findings)
            if not await self._service(asking, findings):
                return
            await self._credentials.look(asking, findings)

    async def _connect(self, findings: Findings) -> bool:
        host, port = self._place
        try:
            peer = await _connected(host, port)
        except OSError as exc:
            findings.failed(
                "public.address",
                f"{host} port {port}: {said(exc)}",
                "let the name lead to the proxy or the machine of the service, and the port be "
                "open to the whole internet: Twilio comes from any address",
            )
            return False
        findings.ok("public.address", f"{host} is {peer}, and takes connections on port {port}")
        return True

    async def _connect_by_tls(self, findings: Findings) -> bool:
        host, port = self._place
        name = "public.tls"
        if addresses.read(self._doors.base).scheme == "http":
            if addresses.is_loopback(host):
                findings.warning(
                    name, "none: only this machine can call it", "Twilio asks for https://"
                )
                return True
            findings.failed(
                name,
                "PUBLIC_URL is without TLS: Twilio opens no ws://, and tokens can be read",
                "put a proxy with a certificate before the service, and say https://",
            )
            return False
        try:
            certificate = await _certificate(host, port)
        except OSError as exc:
            findings.failed(
                name,
                said(exc),
                f"get a certificate for {host} that browsers trust, with its whole chain (Let's "
                "Encrypt does): Twilio takes no other",
            )
            return False
        days = (ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()) / 86_400
        told = f"the certificate is trusted, and good for {days:.0f} days"
        if days < CERTIFICATE_DAYS:
            findings.warning(name, told, "renew it, and see why that was not done by itself")
        else:
            findings.ok(name, told, days=round(days, 1))
        return True

    async def _ready(self, asking: Web, findings: Findings) -> None:
        try:
            answer = await asking.get(f"{self._doors.base}/readyz")
        except Unanswered as exc:
            findings.failed("public.ready", str(exc), answers.IS_IT_PARTYLINE)
            return
        if (fault := answers.of_readyz(answer.status, answer.text)) is not None:
            findings.failed("public.ready", *fault)
        else:
            findings.ok("public.ready", "the service takes calls")

    async def _service(self, asking: Web, findings: Findings) -> bool:
        """
        Whether it is Partyline that answers, under the address that we know it by.

        Asked in the wrong way for a media stream it says how to ask, in words of its own.
        """
        name = "public.service"
        try:
            answer = await asking.get(f"{self._doors.base}{self._doors.path}")
        except Unanswered as exc:
            findings.failed(name, str(exc), answers.IS_IT_PARTYLINE)
            return False
        told = STREAM_URL.search(answer.text)
        if answer.status != 426 or told is None:
            fault = answers.of_status(answer.status, answer.text)
            what = "something else than this service answers: "
            findings.failed(
                name, f"{what}{fault.said}", f"let PUBLIC_URL lead to it: {fault.advice}"
            )
            return False
        if not told[1].startswith(BY_HOST) and not self._doors.is_stream_url(told[1]):
            findings.failed(
                name,
                f"Partyline answers, whose own address is {told[1]}, and not that of PUBLIC_URL",
                f"{SET_PUBLIC_URL}: signatures are checked against it",
            )
            return False
        findings.ok(name, "Partyline answers, and knows itself by this address")
        return True

    @property
    def _place(self) -> tuple[str, int]:
        url = addresses.read(self._url)
        return url.hostname or "", url.port or addresses.DEFAULT_PORTS[url.scheme]


async def _connected(host: str, port: int) -> str:
    """Open a connection; returns the address that the name led to."""
    async with asyncio.timeout(CONNECT_SECONDS):
        _, writer = await asyncio.open_connection(host, port)
        address = writer.get_extra_info("peername")[0]
        await _close(writer)
    return str(address)


async def _certificate(host: str, port: int) -> dict[str, Any]:
    """Return the certificate that is shown there, if it is one to trust."""
    async with asyncio.timeout(CONNECT_SECONDS):
        _, writer = await asyncio.open_connection(
            host, port, ssl=ssl.create_default_context(), server_hostname=host
        )
        certificate: dict[str, Any] = writer.get_extra_info("peercert")
        await _close(writer)
    return certificate


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):  # what it answers to that is nothing to us
        await writer.wait_closed()
