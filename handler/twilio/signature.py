"""
``X-Twilio-Signature``: was this request made by Twilio, for us?

``base64(HMAC-SHA1(auth token, URL))`` for a media stream, whose handshake has no body and no
query. Source: https://www.twilio.com/docs/usage/security#validating-requests
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from urllib.parse import urlsplit


def sign(auth_token: str, url: str) -> str:
    """Return the signature that Twilio sends for a websocket to ``url``."""
    digest = hmac.new(auth_token.encode(), url.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def candidates(public_url: str, path: str) -> list[str]:
    """
    Return the URLs that Twilio may have signed for ``path`` under our public base URL.

    Twilio documents the ``wss://`` form, with or without a trailing slash; others saw ``https://``.
    A base URL without TLS (a laptop) is tried as it stands too, and a port both with and without
    it, as Twilio's own validator does. Every form needs the auth token, so trying more is safe.
    """
    base = urlsplit(public_url)
    schemes = ["wss", "https"]
    if base.scheme in ("http", "ws"):
        schemes += ["ws", "http"]
    host = base.netloc.rpartition("@")[2]
    hosts = [host]
    bare = host.rpartition(":")[0]
    if bare and host.rpartition(":")[2].isdigit():
        hosts.append(bare)
    prefix = base.path.rstrip("/")
    stem = path.rstrip("/")
    return [
        f"{scheme}://{name}{prefix}{stem}{slash}"
        for name in hosts
        for scheme in schemes
        for slash in ("", "/")
    ]


def matching_url(signature: str, urls: Iterable[str], auth_tokens: Iterable[str]) -> str | None:
    """
    Return the URL that ``signature`` signs with one of the tokens, or None.

    Every comparison takes the same time, and all are made, so that the answer's delay tells
    nothing about a near miss.
    """
    given = signature.encode("utf-8", "replace")
    matched = None
    urls = list(urls)
    for token in auth_tokens:
        for url in urls:
            if hmac.compare_digest(sign(token, url).encode(), given) and matched is None:
                matched = url
    return matched
