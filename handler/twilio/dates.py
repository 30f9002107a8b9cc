"""Times as the callbacks of a call and the REST API write them, by RFC 2822. Pure."""

from email.utils import mktime_tz, parsedate_tz

# "Tue, 01 Dec 2026 12:00:00 +0000" has 31 characters.
MAX_DATE = 40


def read_date(text: str | None) -> int | None:
    """
    Return the Unix ms of a time, which is told in whole seconds; None if it is none.

    Source: https://www.twilio.com/docs/voice/api/call-resource#statuscallback
    """
    if text is None or len(text) > MAX_DATE:
        return None
    try:
        parts = parsedate_tz(text)
        if parts is None:
            return None
        # Without a zone it is UTC, as all of Twilio's.
        return 1000 * int(mktime_tz((*parts[:9], parts[9] or 0)))
    except (ValueError, IndexError, OverflowError):
        return None
