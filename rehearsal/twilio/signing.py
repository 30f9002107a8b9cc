"""
``X-Twilio-Signature``, as Twilio makes it. Pure.

Source: https://www.twilio.com/docs/usage/security#validating-requests
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from urllib.parse import urlsplit


def sign(auth_token: str, url: str, form: Iterable[tuple[str, str]] = ()) -> str:
    """
    Sign a request to a server.

    Args:
        auth_token: The account's primary one.
        url: In full, with its query.
        form: The parameters of a body, in any order, blanks among them; a media stream's handshake
            and a GET have none.
    """
    # A value that is there twice counts once: so does Twilio's own validator.
    text = url + "".join(name + value for name, value in sorted(set(form)))
    digest = hmac.new(auth_token.encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def signed_part(url: str) -> str:
    """
    Return the part of a webhook's URL that is signed.

    That is without its fragment, the name and password in it, and the port of ``https``.
    """
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    if parts.scheme == "https" and parts.port is not None:
        place = place.rpartition(":")[0]
    return parts._replace(netloc=place, fragment="").geturl()
