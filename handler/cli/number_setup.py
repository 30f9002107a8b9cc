"""What ``partyline setup`` changes of a number, and how it is told. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from broker import printable
from handler.forwarding import Forwarding
from handler.twilio import places
from handler.twilio.places import STATUS, VOICE
from handler.twilio.resources import PhoneNumber

Fields = Mapping[str, str]

# As a form of the REST API names them, and as people do.
TITLES = {
    "VoiceUrl": "a call comes in",
    "VoiceMethod": "  by",
    "VoiceFallbackUrl": "if that fails",
    "StatusCallback": "call status",
    "StatusCallbackMethod": "  by",
    "VoiceApplicationSid": "TwiML application",
    "TrunkSid": "SIP trunk",
}
# With one of them Twilio never asks the voice URL.
OVERRIDES = ("VoiceApplicationSid", "TrunkSid")


@dataclass(frozen=True, slots=True)
class Plan:
    """
    What is to become of a number.

    Attributes:
        number: The number, as people write it.
        number_sid: As the API knows it.
        account_sid: Whose it is.
        before: Its fields now, all of ``TITLES``.
        changes: Those that are to be others, and what they are to be.
    """

    number: str
    number_sid: str
    account_sid: str
    before: Fields
    changes: Fields

    @property
    def undoing(self) -> Fields:
        """What puts it back."""
        return {name: self.before[name] for name in self.changes}


def plan(number: PhoneNumber, account_sid: str, wanted: Fields) -> Plan:
    """Find out what has to change for a number to be as it is wanted."""
    before = fields(number)
    changes = {name: value for name, value in wanted.items() if before[name] != value}
    return Plan(number.phone_number, number.sid, account_sid, before, changes)


def fields(number: PhoneNumber) -> dict[str, str]:
    """Return what is set of a number, as a form names it."""
    return {
        "VoiceUrl": number.voice_url or "",
        "VoiceMethod": number.voice_method or "POST",
        "VoiceFallbackUrl": number.voice_fallback_url or "",
        "StatusCallback": number.status_callback or "",
        "StatusCallbackMethod": number.status_callback_method or "POST",
        "VoiceApplicationSid": number.voice_application_sid or "",
        "TrunkSid": number.trunk_sid or "",
    }


def ours(public_url: str, account_sid: str | None) -> dict[str, str]:
    """
    Return what a number that comes to us has set.

    Args:
        public_url: Where we are.
        account_sid: If the path is to name the account.
    """
    return {
        "VoiceUrl": places.webhook_setting(public_url, VOICE, account_sid),
        "VoiceMethod": "POST",
        "StatusCallback": places.webhook_setting(public_url, STATUS, account_sid),
        "StatusCallbackMethod": "POST",
    }


def ringing(forwarding: Forwarding, number: str) -> str:
    """Return who rings when a number is called, as far as it is known here."""
    if not forwarding.numbers:
        return "nobody, unless FORWARD_TO is set where the service runs"
    return ", ".join(forwarding.of([number]).dial) or "nobody, as FORWARD_TO has it"


def changed_since(plan: Plan, left: Fields) -> str:
    """
    Say what of a number is to be put back though others have changed it since, if anything is.

    Args:
        plan: What puts it back.
        left: As this command had left it.
    """
    others = [
        TITLES[name].strip()
        for name, value in left.items()
        if name in plan.changes and plan.before[name] != value
    ]
    if not others:
        return ""
    return f"Changed since by others, and not as setup had left it: {', '.join(others)}."


def told(plan: Plan, rings: str = "") -> str:
    """Return what is, and what is to be, in lines for people; and who rings then, if it is said."""
    lines = [f"{plan.number} ({plan.number_sid}) of {plan.account_sid}"]
    for name, title in TITLES.items():
        now = plan.before[name]
        if name in plan.changes:
            lines += [f"  {title:17}  {_shown(now)}", f"{'':17} → {_shown(plan.changes[name])}"]
        elif now or name not in OVERRIDES:
            lines.append(f"  {title:17}  {_shown(now)}")
    if rings:
        lines.append(f"  {'who rings':17}  {rings}")
    return "\n".join(lines)


def _shown(value: str) -> str:
    """Return a value as a terminal may show it, without a password."""
    return printable.shown(re.sub(r"//[^/?#\s]*@", "//…@", value)) or "nothing"
