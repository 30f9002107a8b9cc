"""clients/python/partyline_client/errors.py: what is for good."""

import pytest

from partyline_client.errors import (
    BadRequest,
    InvalidToken,
    NoSuchCall,
    NotAllowed,
    PartylineError,
    Refused,
    TooMuch,
    refused,
)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (400, BadRequest),
        (401, InvalidToken),
        (403, NotAllowed),
        (4400, BadRequest),
        (4401, InvalidToken),
        (4403, NotAllowed),
        (4404, NoSuchCall),
        (4429, TooMuch),
        (4499, Refused),
    ],
)
def test_a_code_says_which_error_it_is(code, kind):
    error = refused(code, "why")
    assert type(error) is kind
    assert isinstance(error, PartylineError)
    assert (error.code, error.reason, str(error)) == (code, "why", f"{code} why")
