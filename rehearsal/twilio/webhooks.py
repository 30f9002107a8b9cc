"""
Asks a server's webhooks, as Twilio does: signed forms, its time limits, retries and redirects.

Source: https://www.twilio.com/docs/usage/webhooks
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlencode, urljoin, urlsplit
from uuid import uuid4

import httpx

from rehearsal.errors import WebhookFailed, behind
from rehearsal.twilio.overrides import Failure, read_overrides
from rehearsal.twilio.reach import Reach, may_be_called
from rehearsal.twilio.signing import sign, signed_part
from rehearsal.twilio.twiml import MAX_DOCUMENT

ANSWER_SECONDS = 15.0  # all attempts and redirects together
MAX_REDIRECTS = 10
MAX_SEEN = 10_000  # requests that are kept for whoever asks what was sent
IDEMPOTENCY = "I-Twilio-Idempotency-Token"


@dataclass(slots=True)
class Seen:
    """
    A request that was made.

    Attributes:
        url: As it was asked, without its fragment.
        form: The parameters, wherever they were.
        headers: Those that are Twilio's own.
        attempt: From 0.
        status: Of the answer; None where there was none.
        problem: Why not.
    """

    method: str
    url: str
    form: dict[str, str]
    headers: dict[str, str]
    attempt: int
    status: int | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a webhook answered: its type, its body, and where it was found in the end."""

    url: str
    content_type: str
    body: bytes


class _Failed(Exception):
    """An attempt failed; says whether others may do better."""

    def __init__(self, failure: Failure | None, code: int, name: str, detail: str) -> None:
        self.failure = failure
        self.error = WebhookFailed(code, name, detail)


class Webhooks:
    """
    The client. An async context manager.

    Attributes:
        seen: What was sent, the newest last.
        reach: Which public names lead elsewhere.
        trust: Whose certificates are trusted, if not those that this machine trusts.
    """

    def __init__(
        self,
        *,
        reach: Reach | None = None,
        trust: ssl.SSLContext | None = None,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.seen: deque[Seen] = deque(maxlen=MAX_SEEN)
        self._report = report
        self.reach = Reach() if reach is None else reach
        self.trust = trust
        self._client: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        self._client = httpx.AsyncClient(
            # Twilio's own: without it the client adds its name.
            headers={"User-Agent": "TwilioProxy/1.1", "Accept": "*/*"},
            verify=ssl.create_default_context() if self.trust is None else self.trust,
            trust_env=False,
            limits=httpx.Limits(max_connections=200, max_keepalive_connections=50),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def ask(
        self,
        url: str,
        method: str,
        form: Mapping[str, str],
        auth_token: str,
        cookies: "Cookies | None" = None,
    ) -> Answer:
        """
        Ask a URL, again where its overrides allow it.

        Raises:
            WebhookFailed: no attempt brought an answer that is one.
        """
        if not may_be_called(url):
            detail = f"{url} is neither https nor on this machine"
            raise WebhookFailed(11100, "Invalid URL format", detail)
        request = _Request(url, method, dict(form), auth_token, cookies or Cookies())
        overrides = read_overrides(url)
        timeout = httpx.Timeout(
            overrides.read_ms / 1000, connect=overrides.connect_ms / 1000, pool=None
        )
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                for attempt in range(overrides.retries + 1):
                    try:
                        return await self._attempt(request, attempt, timeout)
                    except _Failed as failed:
                        last = attempt == overrides.retries
                        if last or failed.failure not in overrides.retry_on:
                            raise failed.error from failed
        except TimeoutError:
            detail = f"{url}: no answer within {ANSWER_SECONDS:g} s"
            raise WebhookFailed(11200, "HTTP retrieval failure", detail) from None
        raise AssertionError("the last attempt returns or raises")

    async def _attempt(self, request: "_Request", attempt: int, timeout: httpx.Timeout) -> Answer:
        """Ask once, and follow redirects."""
        url, method = request.url, request.method
        for _ in range(MAX_REDIRECTS + 1):
            response, body = await self._send(request, url, method, attempt, timeout)
            if response.status_code not in (301, 302, 303, 307, 308):
                return _judged(url, response, body)
            url = urljoin(signed_part(url), response.headers.get("location", ""))
            if not may_be_called(url):
                raise _Failed(None, 11100, "Invalid URL format", f"redirected to {url}")
            if response.status_code in (301, 302, 303):
                method = "GET"
        raise _Failed(None, 11215, "HTTP too many redirects", request.url)

    async def _send(
        self, request: "_Request", url: str, method: str, attempt: int, timeout: httpx.Timeout
    ) -> tuple[httpx.Response, bytes]:
        if self._client is None:
            raise RuntimeError("the client is not open")
        seen = request.seen(url, method, attempt)
        self.seen.append(seen)
        real = self.reach.of(seen.url)
        headers = seen.headers | request.cookies.header(url)
        headers["Host"] = urlsplit(seen.url).netloc.rpartition("@")[2]
        content = None
        if method == "POST":
            headers["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8"
            content = urlencode(request.form).encode()
        asked = self._client.build_request(
            method, real, headers=headers, content=content, timeout=timeout
        )
        try:
            response, body = await self._receive(asked)
        except _Failed as failed:
            seen.problem = str(failed.error)
            self._report(f"{method} {_place(url)}: {seen.problem}")
            raise
        finally:
            self._client.cookies.clear()  # each call has its own
        seen.status = response.status_code
        self._report(f"{method} {_place(url)}: HTTP {seen.status}")
        request.cookies.take(url, response)
        return response, body

    async def _receive(self, asked: httpx.Request) -> tuple[httpx.Response, bytes]:
        if self._client is None:
            raise RuntimeError("the client is not open")
        where = _place(str(asked.url))
        try:
            response = await self._client.send(asked, stream=True)
            try:
                body = b""
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > MAX_DOCUMENT:
                        detail = f"{where}: more than {MAX_DOCUMENT} bytes"
                        raise _Failed(None, 11750, "TwiML response body too large", detail)
            finally:
                await response.aclose()
        except (httpx.ConnectTimeout, httpx.ConnectError) as exc:
            code, name = _connection_error(exc)
            raise _Failed(Failure.CONNECT, code, name, f"{where}: {_words(exc)}") from exc
        except httpx.TimeoutException as exc:
            detail = f"{where}: no answer in time"
            raise _Failed(Failure.READ, 11200, "HTTP retrieval failure", detail) from exc
        except httpx.TransportError as exc:
            detail = f"{where}: {_words(exc)}"
            raise _Failed(Failure.READ, 11206, "HTTP protocol violation", detail) from exc
        return response, body


@dataclass(slots=True)
class Cookies:
    """The cookies of one call: a server's name, and what it set. Twilio keeps them for a call."""

    known: dict[tuple[str, str], str] = field(default_factory=dict)

    def header(self, url: str) -> dict[str, str]:
        host = urlsplit(url).hostname or ""
        pairs = [f"{name}={value}" for (where, name), value in self.known.items() if where == host]
        return {"Cookie": "; ".join(pairs)} if pairs else {}

    def take(self, url: str, response: httpx.Response) -> None:
        for name, value in response.cookies.items():
            self.known[urlsplit(url).hostname or "", name] = value


@dataclass(frozen=True, slots=True)
class _Request:
    """One request, however often it is made: the token says that it is the same."""

    url: str
    method: str
    form: dict[str, str]
    auth_token: str = field(repr=False)
    cookies: Cookies
    token: str = field(default_factory=lambda: str(uuid4()))

    def seen(self, url: str, method: str, attempt: int) -> Seen:
        url = urlsplit(url)._replace(fragment="").geturl()
        signed: dict[str, str] = self.form
        if method == "GET":
            url = f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(self.form)}"
            signed = {}
        signature = sign(self.auth_token, signed_part(url), signed.items())
        headers = {"X-Twilio-Signature": signature, IDEMPOTENCY: self.token}
        return Seen(method, url, self.form, headers, attempt)


def _judged(url: str, response: httpx.Response, body: bytes) -> Answer:
    status = response.status_code
    if status >= 400:
        failure = Failure.REFUSED if status < 500 else Failure.BROKEN
        text = behind(body.decode(errors="replace"))
        detail = f"{_place(url)} answered HTTP {status} {response.reason_phrase}{text}"
        raise _Failed(failure, 11200, "HTTP retrieval failure", detail)
    content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Answer(signed_part(url), content_type, body)


def _connection_error(exc: httpx.TransportError) -> tuple[int, str]:
    """Return Twilio's code and name of why there is no connection."""
    text = str(exc)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return 11237, "Certificate invalid"
    if "SSL" in text:
        return 11220, "SSL/TLS handshake error"
    # An error of the resolver's: a negative number on Linux, these words elsewhere.
    if text.startswith("[Errno -") or "nodename nor servname" in text:
        return 11210, "HTTP bad host name"
    return 11205, "HTTP connection failure"


def _place(url: str) -> str:
    """Return a URL as it is shown: its query may be long, or secret."""
    return urlsplit(signed_part(url))._replace(query="").geturl()


def _words(exc: Exception) -> str:
    return str(exc) or type(exc).__name__
