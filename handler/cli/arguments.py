"""What several commands take as an argument: read in one way, and refused in the same words."""

import argparse
import re

from broker.identifiers import ACCOUNT_SID, CALL_SID, E164
from handler import addresses

SCHEMES = ("https", "http", "wss", "ws")


def read_number(text: str) -> str:
    """Read a phone number."""
    return _matched(text, E164, "a number such as +15551230000")


def read_account_sid(text: str) -> str:
    """Read the SID of an account."""
    return _matched(text, ACCOUNT_SID, "AC and 32 lower-case hex digits")


def read_call_sid(text: str) -> str:
    """Read the SID of a call."""
    return _matched(text, CALL_SID, "CA and 32 lower-case hex digits")


def read_service(text: str) -> str:
    """Read the address of a service."""
    try:
        addresses.origin(text)
        scheme = addresses.read(text).scheme
    except ValueError:
        scheme = ""
    if scheme not in SCHEMES:
        raise not_a_service(text)
    return text


def not_a_service(text: str) -> argparse.ArgumentTypeError:
    """Say of an address that no service has it; a user or a query in it is not repeated."""
    return argparse.ArgumentTypeError(
        f"{addresses.shown(text)!r} is not like https://calls.example.com"
    )


def _matched(text: str, pattern: re.Pattern[str], what: str) -> str:
    if not pattern.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
    return text
