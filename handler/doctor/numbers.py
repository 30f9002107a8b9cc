"""
Does a number lead its calls here? Pure.

Source: https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource
"""

from collections.abc import Iterator
from dataclasses import dataclass

from handler import addresses
from handler.findings import Findings
from handler.probe.answers import Fault
from handler.twilio import places
from handler.twilio.places import STATUS, VOICE
from handler.twilio.resources import PhoneNumber

# Where Twilio keeps what is pasted into a TwiML Bin.
BINS = "handler.twilio.com"
SETUP = "`partyline setup` points it here"
CLEAR = "`partyline setup --clear`"


@dataclass(frozen=True, slots=True)
class Ours:
    """
    Where calls are to come.

    Attributes:
        public_url: The address of the service.
        account_sid: The account that owns the number.
        named: By which SID the path must name it; None if it need not.
        rings: Whether the service calls somebody when the number is called.
    """

    public_url: str
    account_sid: str
    named: str | None = None
    rings: bool = True

    def takes(self, url: str, webhook: str) -> bool:
        """Whether an address is a webhook that takes what comes from the account."""
        return any(
            addresses.is_same_place(url, places.webhook_url(self.public_url, webhook, sid))
            for sid in (self.named, self.account_sid)
        )

    def setting(self, webhook: str) -> str:
        """Return what a number is set to."""
        return places.webhook_setting(self.public_url, webhook, self.named)


def judge(findings: Findings, name: str, number: PhoneNumber | None, ours: Ours) -> None:
    """
    Say whether its calls come here.

    Args:
        findings: Where it is said.
        name: Of the check.
        number: What Twilio says of it; None if the account has none such.
        ours: Where they are to come.
    """
    if number is None:
        findings.failed(
            name,
            "the account has no such number",
            "write it as +15551230000, and let TWILIO_ACCOUNT_SID be the account that owns it",
        )
    elif fault := _overridden(number) or _voice(number, ours) or _status(number, ours):
        findings.failed(name, *fault)
    elif doubts := list(_doubts(number, ours)):
        said, advice = ("; ".join(words) for words in zip(*doubts, strict=True))
        findings.warning(name, said, advice)
    else:
        findings.ok(name, "its calls and their status come here")


def _overridden(number: PhoneNumber) -> Fault | None:
    """Say what Twilio asks instead of the number's own voice URL."""
    if number.trunk_sid:
        return Fault(
            f"the trunk {number.trunk_sid} overrides what is set at the number",
            f"take the number off the trunk: {CLEAR}, or Console → Elastic SIP Trunking → Numbers",
        )
    if number.voice_application_sid:
        return Fault(
            f"the TwiML application {number.voice_application_sid} overrides its voice URL",
            f"set the application's voice URL, or take it off the number: {CLEAR}",
        )
    return None


def _voice(number: PhoneNumber, ours: Ours) -> Fault | None:
    """Say why its calls do not come; what a TwiML Bin does cannot be seen."""
    url = number.voice_url or ""
    if _is_bin(url):
        return None
    if not ours.takes(url, VOICE):
        return Fault(f"its calls go {_where(url)}", f"{SETUP}: {ours.setting(VOICE)}")
    if (number.voice_method or "POST").upper() != "POST":
        return Fault(f"its voice URL is asked by {number.voice_method}", f"by POST; {SETUP}")
    return None


def _status(number: PhoneNumber, ours: Ours) -> Fault | None:
    """Say why their status comes to us and is refused; it may go elsewhere."""
    url = number.status_callback or ""
    if _origin(url) != _origin(ours.public_url):
        return None
    if not ours.takes(url, STATUS):
        where = addresses.shown(url)
        return Fault(f"its status goes to {where}", f"{SETUP}: {ours.setting(STATUS)}")
    if (number.status_callback_method or "POST").upper() != "POST":
        return Fault(f"its status is told by {number.status_callback_method}", f"by POST; {SETUP}")
    return None


def _doubts(number: PhoneNumber, ours: Ours) -> Iterator[Fault]:
    """Yield what works, and is hardly meant so."""
    voice, status = number.voice_url or "", number.status_callback or ""
    if _is_bin(voice):
        yield Fault(
            "a TwiML Bin answers its calls; what it holds cannot be seen from here",
            f"it must hold a <Stream url> that leads here; or {SETUP}",
        )
        return
    if not ours.rings:
        yield Fault(
            "its calls come here, and nobody rings: the caller hears the notice and is billed",
            "let FORWARD_TO say who rings when it is called, or * for any number",
        )
    if not ours.takes(status, STATUS):
        yield Fault(
            f"calls come here, their status goes {_where(status)}",
            f"{SETUP}, too: else an end is known only by the media stream",
        )
    elif not (places.is_asked_again(voice) and places.is_asked_again(status)):
        yield Fault(
            "Twilio does not ask again where a full container refuses",
            f"end its addresses with {places.RETRIES}: {SETUP}",
        )


def _origin(url: str) -> str | None:
    try:
        return addresses.origin(url)
    except ValueError:
        return None


def _where(url: str) -> str:
    return f"to {addresses.shown(url)}" if url else "nowhere"


def _is_bin(url: str) -> bool:
    return _origin(url) == f"https://{BINS}"
