"""
The forms that Twilio's webhooks bring. Pure.

Source: https://www.twilio.com/docs/usage/webhooks/webhooks-overview
"""

from dataclasses import dataclass
from urllib.parse import parse_qsl

MAX_BODY = 64 * 1024
# A voice webhook has some thirty, which Twilio adds to without notice.
MAX_FIELDS = 500


@dataclass(frozen=True, slots=True)
class Form:
    """
    What a webhook says.

    Attributes:
        fields: Names and values in the order in which they came, blank ones too: all are signed.
    """

    fields: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str | None:
        """Return the first value of a name that is not blank, if there is one."""
        found = (value.strip() for field, value in self.fields if field == name)
        return next(filter(None, found), None)


def read_form(body: bytes) -> Form:
    """
    Read a body of the type ``application/x-www-form-urlencoded``.

    Raises:
        ValueError: it is none; says why.
    """
    try:
        text = body.decode("ascii")
        fields = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except UnicodeDecodeError as exc:
        raise ValueError("the form is not percent-encoded UTF-8") from exc
    except ValueError as exc:
        raise ValueError(f"the form has more than {MAX_FIELDS} fields") from exc
    return Form(tuple(fields))
