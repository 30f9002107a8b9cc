"""handler/tokens/tokens.py: what a token opens, and which ones open nothing."""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from support.credentials import TOKEN_SECRET
from support.sids import call_sid

from handler.errors import InvalidToken
from handler.tokens import tokens

NOW = 1_800_000_000
CALL, OTHER = call_sid(1), call_sid(2)
KEYS = [tokens.secret_key(TOKEN_SECRET)]


def signed(key: Any = TOKEN_SECRET, algorithm: str = "HS256", **claims: object) -> str:
    return jwt.encode({"exp": NOW + 60, "calls": ["*"], **claims}, key, algorithm=algorithm)


def test_a_minted_token_opens_what_it_names():
    token = tokens.mint(TOKEN_SECRET, expires=NOW + 60, calls=[CALL], subject="page")
    grant = tokens.verify(token, KEYS, NOW)
    assert (grant.subject, grant.expires) == ("page", NOW + 60)
    assert grant.allows(CALL)
    assert not grant.allows(OTHER)
    assert not grant.could_allow(OTHER)


def test_a_token_for_a_number_opens_calls_from_and_to_it():
    token = tokens.mint(TOKEN_SECRET, expires=NOW + 60, numbers=["+15551230000"])
    grant = tokens.verify(token, KEYS, NOW)
    assert grant.allows(CALL, ("+15551230000", None))
    assert grant.allows(CALL, (None, "+15551230000"))
    assert not grant.allows(CALL, ("+15551230001", "anonymous"))
    assert grant.could_allow(CALL)


def test_each_of_several_secrets_is_tried():
    keys = [tokens.secret_key("another-secret-of-thirty-two-bytes!!"), *KEYS]
    assert tokens.verify(signed(), keys, NOW).allows(CALL)


def test_a_signature_is_compared_in_a_time_that_says_nothing_of_where_it_is_wrong(monkeypatch):
    """Whole, by the comparison that the standard library makes for this."""
    compared = []

    def compare_digest(one: bytes, other: bytes) -> bool:
        compared.append({one, other})
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare_digest)
    head, _, signature = tokens.mint(TOKEN_SECRET, expires=NOW + 60, calls=[CALL]).rpartition(".")
    for wrong in (f"{'B' if signature[0] == 'A' else 'A'}{signature[1:]}", f"{signature[:-4]}AAAA"):
        with pytest.raises(InvalidToken):
            tokens.verify(f"{head}.{wrong}", KEYS, NOW)
        assert compared.pop() == {decoded(signature), decoded(wrong)}
    assert compared == []


def decoded(signature: str) -> bytes:
    return urlsafe_b64decode(signature + "=")


@pytest.mark.parametrize(
    ("private", "algorithm"),
    [
        (ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (rsa.generate_private_key(65537, 2048), "RS256"),
    ],
)
def test_public_keys_check_and_cannot_be_used_as_secrets(private, algorithm):
    pem = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    keys = [tokens.public_key(pem.decode())]
    assert tokens.verify(signed(private, algorithm), keys, NOW).allows(CALL)
    # The confusion attack: HS256 with the public key, which anybody may have, as the secret.
    header = urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=")
    claims = urlsafe_b64encode(json.dumps({"exp": NOW + 60, "calls": ["*"]}).encode()).rstrip(b"=")
    mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(
        header + b"." + claims, pem
    )
    forged = b".".join([header, claims, urlsafe_b64encode(mac).rstrip(b"=")]).decode()
    with pytest.raises(InvalidToken):
        tokens.verify(forged, keys, NOW)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b.c",
        "x" * 100_000,
        signed("another-secret-of-thirty-two-bytes!!"),
        signed(algorithm="HS384", key=TOKEN_SECRET + "x" * 32),
        signed(algorithm="none", key=None),
        signed(exp=NOW),
        signed(exp=NOW - 1),
        signed(exp=str(NOW + 60)),
        signed(exp=True),
        signed(nbf=NOW + 1),
        signed(nbf="soon"),
        signed(calls=[]),
        signed(calls="*"),
        signed(calls=["CA*"]),
        signed(calls=[CALL + "\n"]),
        signed(calls=[[CALL]]),
        signed(calls=[], numbers=["+1555*"]),
        signed(calls=[], numbers=["15551230000"]),
        jwt.encode({"calls": ["*"]}, TOKEN_SECRET, algorithm="HS256"),
    ],
)
def test_a_defective_token_opens_nothing(token):
    with pytest.raises(InvalidToken) as caught:
        tokens.verify(token, KEYS, NOW)
    assert caught.value.reason


def test_unknown_claims_are_ignored():
    assert tokens.verify(signed(iss="us", aud="them", jti="7"), KEYS, NOW).allows(CALL)


def test_a_short_secret_is_no_key():
    with pytest.raises(ValueError, match="at least 32 bytes"):
        tokens.secret_key("short")


def test_a_weak_public_key_is_no_key():
    pem = (
        ec.generate_private_key(ec.SECP384R1())
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    with pytest.raises(ValueError, match="Ed25519"):
        tokens.public_key(pem.decode())
