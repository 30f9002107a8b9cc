"""What whoever asks for a file can take, and what they have already. Pure."""

import re

TAG = re.compile(r'(?:W/)?("[^"]*")')


def takes_gzip(accept_encoding: str) -> bool:
    """Return whether an answer may be compressed (RFC 9110 section 12.5.3)."""
    weights: dict[str, bool] = {}
    for item in accept_encoding.lower().split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        weights[name] = not any(re.fullmatch(r"q=0(\.0*)?", one) for one in parameters)
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", False)))


def has_it(if_none_match: str, tag: str) -> bool:
    """Return whether whoever asks has what bears this tag (RFC 9110 section 13.1.2)."""
    return if_none_match.strip() == "*" or tag in TAG.findall(if_none_match)
