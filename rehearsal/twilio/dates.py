"""Times as Twilio writes them: in two ways. Pure."""

from email.utils import formatdate, parsedate


def rfc2822(at: float) -> str:
    """Write seconds since 1970 as the REST API and the callbacks of a call do."""
    return formatdate(at).replace("-0000", "+0000")


def iso8601(at: float) -> str:
    """Write seconds since 1970 as the callbacks of a stream do."""
    parts = parsedate(formatdate(at))
    if parts is None:  # pragma: no cover  it cannot happen: it was just written
        return ""
    year, month, day, hour, minute, second = parts[:6]
    millis = int(at * 1000) % 1000
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z"
