"""
Signatures by which a receiver knows what comes from here. Pure.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
Three lines that need no package; the tests hold them against the one of that project.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence


def headers(keys: Sequence[bytes], name: str, now: float, body: bytes) -> dict[str, str]:
    """
    Return the headers that name, date and sign what is sent.

    Args:
        keys: One, or two while one replaces the other: either is enough for the receiver. Without
            any there is no signature.
        name: Of what is sent: the same each time that it is; without a full stop.
        now: Unix time in seconds.
        body: As it is sent.
    """
    at = str(int(now))
    found = {"webhook-id": name, "webhook-timestamp": at}
    if keys:
        found["webhook-signature"] = " ".join(_signature(key, name, at, body) for key in keys)
    return found


def _signature(key: bytes, name: str, at: str, body: bytes) -> str:
    signed = hmac.new(key, b".".join((name.encode(), at.encode(), body)), hashlib.sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"
