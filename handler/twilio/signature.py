"""
``X-Twilio-Signature``: was this request made by Twilio, for us?

``base64(HMAC-SHA1(auth token, URL + form))``; a media stream's handshake has no form, and no query.
Source: https://www.twilio.com/docs/usage/security#validating-requests
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from contextlib import suppress
from urllib.parse import SplitResult

from handler import addresses

Fields = Iterable[tuple[str, str]]

# In the order in which they are tried, for a base URL with TLS.
STREAM_SCHEMES = ("wss", "https")
WEBHOOK_SCHEMES = ("https",)
_WITHOUT_TLS = {"wss": "ws", "https": "http"}


def sign(auth_token: str, url: str, form: Fields = ()) -> str:
    """
    Return the signature that Twilio sends with a request to ``url``.

    Args:
        auth_token: Of the account that owns the call; never the secret of an API key.
        url: With its query; ``wss://`` for a media stream.
        form: The fields of the body, all of them: Twilio adds some without notice.
    """
    return _sign(auth_token, url, _text(form)).decode()


def _text(form: Fields) -> bytes:
    return "".join(name + value for name, value in sorted(set(form))).encode("utf-8", "replace")


def _sign(auth_token: str, url: str, text: bytes) -> bytes:
    signed = url.encode("utf-8", "replace") + text
    return base64.b64encode(hmac.digest(auth_token.encode(), signed, hashlib.sha1))


def is_of_body(query: Mapping[str, str], body: bytes) -> bool:
    """Whether a signed query vouches for a body that is no form, such as JSON."""
    given = query.get("bodySHA256", "").lower().encode("utf-8", "replace")
    return hmac.compare_digest(hashlib.sha256(body).hexdigest().encode(), given)


def candidates(
    public_url: str,
    path: str,
    host: str = "",
    *,
    query: str = "",
    schemes: tuple[str, ...] = STREAM_SCHEMES,
) -> list[str]:
    """
    Return the URLs that Twilio may have signed for ``path`` under our public base URL.

    For a stream Twilio documents the ``wss://`` form, with or without a trailing slash; others saw
    ``https://``. It signs a URL as it is written: a port that goes without saying may be there or
    not (another one too, as Twilio's own validator does), the name in any letters. A base URL
    without TLS (a laptop) is tried as it stands too. Every form needs the auth token, and each of
    them leads here, so trying more is safe.

    Args:
        public_url: Our base URL.
        path: The path of the request, as it came.
        host: Its ``Host`` header: how the name was written, if it is ours.
        query: Its query, as it came.
        schemes: Those of the kind of request.
    """
    base = addresses.read(public_url)
    if base.scheme in ("http", "ws"):
        schemes += tuple(_WITHOUT_TLS[scheme] for scheme in schemes)
    prefix = base.path.rstrip("/")
    stem = path.rstrip("/")
    behind = f"?{query}" if query else ""
    return [
        f"{scheme}://{name}{_port(scheme, base.port, written=written)}{prefix}{stem}{slash}{behind}"
        for name in _names(base, host)
        for written in (base.port is not None, base.port is None)
        for scheme in schemes
        for slash in ("", "/")
    ]


def _names(base: SplitResult, host: str) -> list[str]:
    """Return our name as it may be written: as it is set, as browsers write it, as it came."""
    known = addresses.name(base.hostname or "")
    names = [_written_name(base), f"[{known}]" if ":" in known else known]
    with suppress(ValueError):
        came = addresses.read(f"//{host}")
        if addresses.name(came.hostname or "") == known:
            names.append(_written_name(came))
    return list(dict.fromkeys(names))


def _written_name(url: SplitResult) -> str:
    place = url.netloc.rpartition("@")[2]
    return place if url.port is None else place.rpartition(":")[0]


def _port(scheme: str, port: int | None, *, written: bool) -> str:
    return f":{port or addresses.DEFAULT_PORTS[scheme]}" if written else ""


def matching_url(
    signature: str, urls: Iterable[str], auth_tokens: Iterable[str], form: Fields = ()
) -> str | None:
    """
    Return the URL that ``signature`` signs with one of the tokens, or None.

    Every comparison takes the same time, and all are made, so that the answer's delay tells
    nothing about a near miss.
    """
    given = signature.encode("utf-8", "replace")
    matched = None
    urls, text = list(urls), _text(form)  # it may be long, and is the same for each of them
    for token in auth_tokens:
        for url in urls:
            if hmac.compare_digest(_sign(token, url, text), given) and matched is None:
                matched = url
    return matched
