"""handler/subscribers/access.py: pages of which origins may ask."""

import pytest
from starlette.requests import HTTPConnection

from handler.config import Settings
from handler.errors import Forbidden, InvalidToken
from handler.subscribers.access import Access
from handler.tokens import grants

KEY = (grants.secret_key("x" * 32),)
CRM = ("https://crm.example.com",)
OURS = "https://calls.example.com"


def asking(origin: str | None, host: str = "127.0.0.1:8080") -> HTTPConnection:
    headers = [(b"host", host.encode())]
    if origin is not None:
        headers.append((b"origin", origin.encode()))
    return HTTPConnection(
        {"type": "http", "headers": headers, "query_string": b"", "path": "/calls"}
    )


async def refused(settings: Settings, connection: HTTPConnection) -> str | None:
    """Ask; returns why a page may not, or None: then it is asked for its token."""
    try:
        await Access(settings).authenticate(connection)
    except InvalidToken:
        return None
    except Forbidden as exc:
        return f"{exc.reason} {exc.facts}"
    return None


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (None, "127.0.0.1:8080"),
        ("https://crm.example.com", "127.0.0.1:8080"),
        ("https://CRM.example.com:443", "127.0.0.1:8080"),
        # Our own page, behind a proxy that passes on its own name for us, and one that passes ours.
        (OURS, "127.0.0.1:8080"),
        (f"{OURS}:443", "127.0.0.1:8080"),
        ("http://10.0.0.7:8080", "10.0.0.7:8080"),
        ("https://other.example.com", "Other.Example.com:443"),
        ("http://other.example.com", "other.example.com:80"),
    ],
)
async def test_a_page_of_ours_or_of_a_set_origin_may_ask(origin, host):
    settings = Settings(token_keys=KEY, public_url=OURS, allowed_origins=CRM)
    assert await refused(settings, asking(origin, host)) is None


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://crm.example.com",
        "https://crm.example.com:8443",
        "https://crm.example.com.evil.example",
        "null",
        "",
        "https://[",
        "http://127.0.0.1:8081",
    ],
)
async def test_another_page_may_not_and_the_log_has_its_origin(origin):
    settings = Settings(token_keys=KEY, public_url=OURS, allowed_origins=CRM)
    why = await refused(settings, asking(origin))
    assert why is not None
    assert "ALLOWED_ORIGINS" in why
    assert f"'origin': '{origin}'" in why


async def test_our_own_page_is_that_of_the_public_url_without_tokens_too():
    settings = Settings(public_url="wss://Calls.example.com:443/here")
    assert await refused(settings, asking(OURS)) is None
    assert await refused(settings, asking("https://evil.example")) is not None


@pytest.mark.parametrize(
    "host", ["xn--bcher-kva.example", "XN--bcher-kva.example.:8080", "127.0.0.1"]
)
async def test_without_tokens_our_public_name_is_known_however_it_is_spelled(host):
    settings = Settings(public_url="https://Bücher.example")
    assert await refused(settings, asking(None, host)) is None
    assert "name in PUBLIC_URL" in str(await refused(settings, asking(None, "evil.example")))


async def test_any_page_may_ask_for_what_needs_a_token():
    assert await refused(Settings(token_keys=KEY), asking("https://any.example")) is None
