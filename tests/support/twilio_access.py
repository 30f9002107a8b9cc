"""What a service is told of the stand-in for Twilio."""

from rehearsal.twilio.stand_in import TwilioStandIn


def access(twilio: TwilioStandIn, public_url: str) -> dict[str, str]:
    """Return the settings of a service whose calls come from there, to this address."""
    return {
        "PUBLIC_URL": public_url,
        "TWILIO_ACCOUNT_SID": twilio.account.sid,
        "TWILIO_AUTH_TOKEN": twilio.account.auth_token,
        "TWILIO_API_URL": twilio.url,
    }
