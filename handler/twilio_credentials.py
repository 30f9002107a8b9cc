"""How credentials of Twilio's REST API are written. Pure."""

import re

# Each is tried for each spelling of the URL: more would cost every handshake, and every forgery.
MAX_TOKENS = 8
# https://www.twilio.com/docs/iam/api-keys/keys-in-console
_API_KEY = re.compile(r"(SK[0-9a-f]{32}):([!-~]+)")


def read_api_key(text: str) -> tuple[str, str]:
    """
    Read an API key: its SID, a colon, and its secret.

    Raises:
        ValueError: it is none; does not repeat it.
    """
    found = _API_KEY.fullmatch(text)
    if found is None:
        raise ValueError("is not like SK…:secret, an API key's SID, a colon, and its secret")
    return found[1], found[2]
