"""
Phone numbers of an account, and what of them the REST API may change. Pure.

Source: https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rehearsal.errors import RestError
from rehearsal.twilio.reach import may_be_called

URLS = ("voice_url", "voice_fallback_url", "status_callback")
METHODS = ("voice_method", "voice_fallback_method", "status_callback_method")
TEXTS = ("friendly_name", "voice_application_sid", "trunk_sid")


@dataclass(slots=True)
class Number:
    """
    A phone number: whom to ask when it is called, and whom to tell.

    The attributes are the REST API's, in its spelling of JSON; a form spells them ``VoiceUrl``.
    """

    sid: str
    account_sid: str
    phone_number: str
    friendly_name: str = ""
    voice_url: str = ""
    voice_method: str = "POST"
    voice_fallback_url: str = ""
    voice_fallback_method: str = "POST"
    voice_caller_id_lookup: bool = False
    voice_application_sid: str = ""
    trunk_sid: str = ""
    status_callback: str = ""
    status_callback_method: str = "POST"
    updated_at: float = 0.0
    created_at: float = 0.0

    def update(self, form: Mapping[str, str], now: float) -> None:
        """
        Change what a form names, or nothing.

        Raises:
            RestError: a URL or a method is none.
        """
        changes: dict[str, Any] = {}
        for name in (*URLS, *METHODS, *TEXTS):
            if (value := form.get(form_name(name))) is not None:
                changes[name] = _checked(name, value)
        if (lookup := form.get("VoiceCallerIdLookup")) is not None:
            changes["voice_caller_id_lookup"] = lookup.lower() == "true"
        fallback = changes.get("voice_fallback_url", self.voice_fallback_url)
        if fallback and not changes.get("voice_url", self.voice_url):
            raise RestError(400, 21405, "Cannot set VoiceFallbackUrl without setting VoiceUrl")
        for name, value in changes.items():
            setattr(self, name, value)
        self.updated_at = now


def form_name(name: str) -> str:
    """Return what a form calls an attribute: ``VoiceUrl`` for ``voice_url``."""
    return "".join(word.capitalize() for word in name.split("_"))


def _checked(name: str, value: str) -> str:
    if name in URLS and value and not (value.startswith("http") and may_be_called(value)):
        raise RestError(400, 21402, f"{form_name(name)} is not a valid URL: {value}")
    if name in METHODS:
        value = value.upper()
        if value not in ("GET", "POST"):
            raise RestError(400, 21403, f"{form_name(name)} is not a valid method: {value}")
    return value


@dataclass(slots=True)
class Numbers:
    """The numbers of an account, in the order in which they came."""

    by_sid: dict[str, Number] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Number]:
        return iter(self.by_sid.values())

    def find(self, phone_number: str) -> Number | None:
        """Return the number that is written so."""
        return next((one for one in self if one.phone_number == phone_number), None)

    def matching(self, pattern: str) -> list[Number]:
        """
        Return the numbers that a list's ``PhoneNumber`` asks for.

        Part of a number will do, and ``*`` is any digit.
        """
        digits = re.compile(re.escape(pattern).replace(r"\*", r"\d"))
        return [one for one in self if digits.search(one.phone_number)]
