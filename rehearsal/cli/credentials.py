"""What a command finds in its environment of an account at Twilio's."""

import os


def auth_token() -> str:
    """Return the token that signs: the first, where several are set for a rotation; or none."""
    tokens = os.environ.get("TWILIO_AUTH_TOKEN", "").replace(",", " ").split()
    return tokens[0] if tokens else ""
