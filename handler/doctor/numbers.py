"""
Does a number lead its calls here? Pure.

Source: https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource
"""

from typing import Protocol

from handler import addresses
from handler.findings import Findings

# Where Twilio keeps what is pasted into a TwiML Bin.
BINS = "handler.twilio.com"
SETUP = "`partyline setup` points it here"


class Number(Protocol):
    """What Twilio says of a number, as far as it matters here."""

    @property
    def voice_url(self) -> str | None: ...
    @property
    def voice_method(self) -> str | None: ...
    @property
    def status_callback(self) -> str | None: ...
    @property
    def status_callback_method(self) -> str | None: ...
    @property
    def voice_application_sid(self) -> str | None: ...
    @property
    def trunk_sid(self) -> str | None: ...


def judge(findings: Findings, name: str, number: Number | None, public_url: str) -> None:
    """
    Say whether its calls come here.

    Args:
        findings: Where it is said.
        name: Of the check.
        number: What Twilio says of it; None if the account has none such.
        public_url: The address of the service.
    """
    if number is None:
        findings.failed(
            name,
            "the account has no such number",
            "write it as +15551230000, and let TWILIO_ACCOUNT_SID be the account that owns it",
        )
        return
    if number.trunk_sid:
        findings.failed(
            name,
            f"the trunk {number.trunk_sid} overrides what is set at the number",
            "take the number off the trunk: Console → Elastic SIP Trunking → Numbers",
        )
        return
    if number.voice_application_sid:
        findings.failed(
            name,
            f"the TwiML application {number.voice_application_sid} overrides its voice URL",
            f"set the application's voice URL, or take it off the number: {SETUP}",
        )
        return
    _judge_voice(findings, name, number, public_url)


def _judge_voice(findings: Findings, name: str, number: Number, public_url: str) -> None:
    url = number.voice_url or ""
    if _host(url) == BINS:
        findings.warning(
            name,
            "a TwiML Bin answers its calls; what it holds cannot be seen from here",
            f"it must hold a <Stream url> that leads here; or {SETUP}",
        )
        return
    if not _is_here(url, public_url, "voice"):
        where = addresses.shown(url) or "nowhere"
        findings.failed(name, f"its calls go to {where}", f"{SETUP}: {public_url}/twilio/voice")
        return
    if (number.voice_method or "POST").upper() != "POST":
        findings.failed(
            name, f"its voice URL is asked by {number.voice_method}", f"by POST; {SETUP}"
        )
        return
    callback = number.status_callback or ""
    if not _is_here(callback, public_url, "status"):
        findings.warning(
            name,
            f"calls come here, their status goes to {addresses.shown(callback) or 'nowhere'}",
            f"{SETUP}, too: else an end is known only by the media stream",
        )
        return
    if (number.status_callback_method or "POST").upper() != "POST":
        findings.failed(
            name, f"its status is told by {number.status_callback_method}", f"by POST; {SETUP}"
        )
        return
    findings.ok(name, "its calls and their status come here")


def _is_here(url: str, public_url: str, door: str) -> bool:
    """Whether an address is that door of ours; behind # are Twilio's own settings of a request."""
    try:
        theirs, ours = addresses.read(url), addresses.read(public_url)
        if addresses.origin(url) != addresses.origin(public_url):
            return False
    except ValueError:
        return False
    before, twilio, rest = theirs.path.rstrip("/").rpartition("/twilio/")
    mine = rest == door or (rest.startswith("AC") and rest.endswith(f"/{door}"))
    return bool(twilio) and before == ours.path.rstrip("/") and mine


def _host(url: str) -> str:
    try:
        return addresses.read(url).hostname or ""
    except ValueError:
        return ""
