"""clients/python/partyline_client/credentials.py: the token, and when it is renewed."""

import pytest

from handler.tokens import tokens
from partyline_client.credentials import Credentials, expiry, renew_in

SECRET = "a secret of thirty-two characters"


def jwt(end: float) -> str:
    return tokens.mint(SECRET, expires=end, calls=["*"])


NO_END = ["", "none", "a.b.c", "a.e30.c", "a.eyJleHAiOiJ4In0.c", "a.W10.c"]


@pytest.mark.parametrize("token", NO_END)
def test_a_token_that_does_not_say_when_it_ends_is_kept_until_it_is_refused(token):
    assert expiry(token) is None
    assert renew_in(token, 0) is None


@pytest.mark.parametrize(("left", "wait"), [(900, 840), (240, 180), (80, 60), (4, 3)])
def test_a_token_is_renewed_a_minute_before_its_end_or_at_three_quarters(left, wait):
    assert expiry(jwt(1000 + left)) == 1000 + left
    assert renew_in(jwt(1000 + left), 1000) == wait


def test_of_a_token_that_has_ended_by_our_clock_the_service_decides():
    assert renew_in(jwt(1000), 1000) is None


async def test_a_token_is_given_or_asked_for_at_once_or_later():
    async def later() -> str:
        return "later"

    given = [Credentials(one) for one in (None, "given", lambda: "at once", later)]
    assert [await one.token() for one in given] == [None, "given", "at once", "later"]
    assert [one.renewable for one in given] == [False, False, True, True]
