"""The doors of a service that Twilio and readers come to: their addresses, and what opens them."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from handler import addresses
from handler.probe.web import Answer, Web
from handler.twilio import places, signature
from handler.twilio.places import PROBE, SIGNATURE, VOICE

# Who calls: no number that a reader could follow. Whom: a number of Twilio's own, for tests.
FROM, TO = "anonymous", "+15005550006"


@dataclass(frozen=True, slots=True)
class Doors:
    """
    The doors of one service.

    Attributes:
        url: The public address of the service, by whichever of its schemes.
        auth_token: Signs as Twilio would; empty for a service that was started with --insecure.
        account_sid: Whose call it is; one that nobody has where the service takes any.
        own_path: The account has doors of its own (``/twilio/AC…``).
    """

    url: str
    auth_token: str = field(repr=False)
    account_sid: str = field(default_factory=lambda: f"AC{secrets.token_hex(16)}")
    own_path: bool = False

    @property
    def base(self) -> str:
        """The address of the service for plain requests."""
        return addresses.for_requests(self.url)

    @property
    def path(self) -> str:
        """Where media streams come to."""
        return places.path(self._named)

    @property
    def stream_url(self) -> str:
        """Where media streams come to, with the service's address."""
        return places.stream_url(self.url, self._named)

    @property
    def voice_url(self) -> str:
        """What Twilio asks when a call comes in."""
        return places.webhook_url(self.url, VOICE, self._named)

    def viewer_url(self, call_sid: str) -> str:
        """Where a call is read live."""
        return f"{addresses.for_websockets(self.url, '/client')}?{urlencode({'call': call_sid})}"

    def is_stream_url(self, url: str) -> bool:
        """Whether an address is where media streams come to, in whichever spelling."""
        return addresses.is_same_place(url, self.stream_url)

    @property
    def _named(self) -> str | None:
        return self.account_sid if self.own_path else None

    async def ask_webhook(
        self, asking: Web, call_sid: str, *, to: str = TO, wrongly: bool = False
    ) -> Answer:
        """Post what Twilio posts when a call comes in; raises :exc:`Unanswered`."""
        form = self._form(call_sid, to)
        headers = self.signed(self.voice_url, form.items(), wrongly=wrongly)
        return await asking.post(self.voice_url, urlencode(form).encode(), headers)

    def signed(
        self, url: str, form: Iterable[tuple[str, str]] = (), *, wrongly: bool = False
    ) -> dict[str, str]:
        """Return the header that Twilio would send; none without a token to sign with."""
        key = secrets.token_hex(16) if wrongly else self.auth_token
        return {SIGNATURE: signature.sign(key, url, form)} if key else {}

    def _form(self, call_sid: str, to: str) -> dict[str, str]:
        """Return what Twilio says of a call that comes in; blanks are as it sends them."""
        return {
            "AccountSid": self.account_sid,
            "ApiVersion": "2010-04-01",
            "CallSid": call_sid,
            "CallStatus": "ringing",
            "Called": to,
            "Caller": FROM,
            "Direction": "inbound",
            "From": FROM,
            "FromCity": "",
            "To": to,
            PROBE: "1",
        }


def of_account(url: str, auth_token: str, account_sid: str | None) -> Doors:
    """Return the doors of a service that works for one account, or takes any."""
    return Doors(url, auth_token) if account_sid is None else Doors(url, auth_token, account_sid)


def bearer(token: str) -> Mapping[str, str]:
    """Return the header of a reader."""
    return {"Authorization": f"Bearer {token}"} if token else {}
