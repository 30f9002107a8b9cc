"""handler/tokens/grants.py: what a token opens, and the secrets that sign one."""

import pytest
from support.credentials import TOKEN_SECRET
from support.sids import call_sid

from handler.tokens import grants
from handler.tokens.grants import ANY_CALL, EVERYTHING, Grant

CALL, OTHER = call_sid(1), call_sid(2)
NUMBER = "+15551230000"


def test_a_grant_for_a_call_opens_it_alone():
    grant = Grant(frozenset({CALL}), frozenset(), expires=0)
    assert grant.allows(CALL)
    assert not grant.allows(OTHER, (NUMBER, None))
    assert not grant.could_allow(OTHER)


def test_a_grant_for_a_number_opens_calls_from_and_to_it_once_their_numbers_are_known():
    grant = Grant(frozenset(), frozenset({NUMBER}), expires=0)
    assert grant.allows(CALL, (NUMBER, None))
    assert grant.allows(CALL, (None, NUMBER))
    assert not grant.allows(CALL, ("+15551230001", "anonymous"))
    assert not grant.allows(CALL)
    assert grant.could_allow(CALL)


@pytest.mark.parametrize("grant", [EVERYTHING, Grant(frozenset({ANY_CALL}), frozenset(), 0)])
def test_a_grant_for_every_call_opens_each(grant):
    assert grant.allows(CALL)
    assert grant.could_allow(OTHER)


def test_who_bears_it_makes_no_other_grant():
    """So those who may read the same share what is made for them."""
    one, other = (Grant(frozenset({CALL}), frozenset(), 0, bearer=name) for name in ("a", "b"))
    assert one == other


def test_a_short_secret_is_no_key():
    with pytest.raises(ValueError, match="at least 32 bytes"):
        grants.secret_key("short")


OTHER_SECRET = TOKEN_SECRET[::-1]


@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        (TOKEN_SECRET, (TOKEN_SECRET,)),
        (f"{TOKEN_SECRET}, {OTHER_SECRET}", (TOKEN_SECRET, OTHER_SECRET)),
        (f",{TOKEN_SECRET} ", (TOKEN_SECRET,)),
    ],
)
def test_several_secrets_are_separated_by_commas_or_blanks_and_the_first_one_signs(text, secrets):
    assert grants.read_secrets(text) == secrets


@pytest.mark.parametrize(
    ("text", "words"), [(" ,", "no secret"), (f"{TOKEN_SECRET},x", "32 bytes")]
)
def test_a_list_without_a_secret_or_with_a_short_one_is_refused(text, words):
    with pytest.raises(ValueError, match=words):
        grants.read_secrets(text)
