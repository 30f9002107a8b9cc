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
from handler.tokens import grants, tokens
from handler.tokens.tokens import LEEWAY

NOW = 1_800_000_000
CALL, OTHER = call_sid(1), call_sid(2)
KEYS = [grants.secret_key(TOKEN_SECRET)]


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


def test_those_with_one_sub_are_one_bearer_and_so_is_a_token_without():
    """Whatever else it says; the signature may be spelled in several ways."""
    one, same = signed(sub="page"), signed(sub="page", calls=[CALL])
    assert bearer(one) == bearer(same) != bearer(signed(sub="other"))
    alone = signed()
    assert bearer(alone) == bearer(alone) != bearer(signed(calls=[CALL]))
    assert bearer(alone) not in (None, bearer(one))
    others = [f"{alone[:-1]}{last}" for last in "048AEIMQUYcgkosw" if last != alone[-1]]
    assert {bearer(token) for token in others if opens(token)} <= {bearer(alone)}


def bearer(token: str) -> str | None:
    return tokens.verify(token, KEYS, NOW).bearer


def opens(token: str) -> bool:
    try:
        tokens.verify(token, KEYS, NOW)
    except InvalidToken:
        return False
    return True


def test_each_of_several_secrets_is_tried():
    keys = [grants.secret_key("another-secret-of-thirty-two-bytes!!"), *KEYS]
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
        signed(nbf=NOW + LEEWAY + 1),
        signed(nbf="soon"),
        signed(sub=7),
        signed(sub=None),
        signed(sub=["page"]),
        signed(sub={"id": "page"}),
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


@pytest.mark.parametrize(
    "token",
    [
        signed(nbf=NOW + LEEWAY),
        signed(iat=NOW + LEEWAY, nbf=NOW + 1),
    ],
)
def test_a_clock_that_is_a_little_ahead_of_ours_may_mint(token):
    assert tokens.verify(token, KEYS, NOW).allows(CALL)


def test_unknown_claims_are_ignored():
    assert tokens.verify(signed(iss="us", aud="them", jti="7"), KEYS, NOW).allows(CALL)


def test_a_weak_public_key_is_no_key():
    pem = (
        ec.generate_private_key(ec.SECP384R1())
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    with pytest.raises(ValueError, match="Ed25519"):
        tokens.public_key(pem.decode())


# Whom a token is for, and for how long


@pytest.mark.parametrize("audience", ["us", ["them", "us"]])
def test_a_token_may_have_to_name_this_service(audience):
    rules = grants.Rules(audience="us")
    assert tokens.verify(signed(aud=audience), KEYS, NOW, rules).allows(CALL)
    minted = tokens.mint(TOKEN_SECRET, expires=NOW + 60, calls=["*"], audience="us")
    assert tokens.verify(minted, KEYS, NOW, rules).allows(CALL)
    for other in ({"aud": "them"}, {"aud": ["them"]}, {}):
        with pytest.raises(InvalidToken, match="TOKEN_AUDIENCE"):
            tokens.verify(signed(**other), KEYS, NOW, rules)


@pytest.mark.parametrize("expires", [NOW + 601, 2.0**60, -1])
def test_a_token_lasts_no_longer_than_it_may(expires):
    rules = grants.Rules(longest=600)
    assert tokens.verify(signed(exp=NOW + 600), KEYS, NOW, rules).expires == NOW + 600
    with pytest.raises(InvalidToken):
        tokens.verify(signed(exp=expires), KEYS, NOW, rules)


# Which key it was signed with


@pytest.mark.parametrize(
    "header",
    [{"alg": 5}, {"kid": "a"}, {"alg": "HS256", "kid": 7}, {"alg": "HS256", "kid": "x" * 300}],
)
def test_a_header_that_names_no_key_is_no_header(header):
    part = urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    with pytest.raises(InvalidToken):
        tokens.read_header(f"{part}.e30.c2ln")


def test_a_token_that_names_a_key_is_for_no_other():
    named = jwt.encode(
        {"exp": NOW + 60, "calls": ["*"]}, TOKEN_SECRET, algorithm="HS256", headers={"kid": "new"}
    )
    assert tokens.read_header(named) == tokens.Header("HS256", "new")
    assert tokens.verify(named, KEYS, NOW).allows(CALL)  # a key without a name is for all
    old, new = (grants.VerificationKey(TOKEN_SECRET, "HS256", name) for name in ("old", "new"))
    assert tokens.verify(named, [old, new], NOW).allows(CALL)
    with pytest.raises(InvalidToken):
        tokens.verify(named, [old], NOW)


ED = ed25519.Ed25519PrivateKey.generate()


def jwk(private=ED, **changes: object) -> dict:
    algorithms = jwt.algorithms
    kinds: dict[Any, Any] = {
        ed25519.Ed25519PrivateKey: algorithms.OKPAlgorithm,
        ec.EllipticCurvePrivateKey: algorithms.ECAlgorithm,
        rsa.RSAPrivateKey: algorithms.RSAAlgorithm,
    }
    [kind] = [kind for base, kind in kinds.items() if isinstance(private, base)]
    return {**kind.to_jwk(private.public_key(), as_dict=True), "kid": "a", **changes}


@pytest.mark.parametrize(
    ("private", "algorithm"),
    [
        (ED, "EdDSA"),
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (rsa.generate_private_key(65537, 2048), "RS256"),
    ],
)
def test_a_key_of_a_set_checks_what_it_signed(private, algorithm):
    [key] = tokens.key_set({"keys": [jwk(private, use="sig", alg=algorithm)]})
    assert (key.algorithm, key.key_id) == (algorithm, "a")
    token = jwt.encode(
        {"exp": NOW + 60, "calls": ["*"]}, private, algorithm=algorithm, headers={"kid": "a"}
    )
    assert tokens.verify(token, [key], NOW).allows(CALL)


@pytest.mark.parametrize(
    "entry",
    [
        None,
        jwk(use="enc"),
        jwk(kty="oct"),
        jwk(d="AAAA"),  # a private key
        jwk(kid=7),
        jwk(kid="x" * (tokens.MAX_KEY_ID + 1)),
        jwk(alg="ES256"),
        jwk(x="!"),
        jwk(ec.generate_private_key(ec.SECP384R1())),
    ],
)
def test_a_key_of_a_set_that_is_of_no_use_is_left_out(entry):
    assert [key.key_id for key in tokens.key_set({"keys": [entry, jwk()]})] == ["a"]
    with pytest.raises(ValueError, match="no key"):
        tokens.key_set({"keys": [entry]})


@pytest.mark.parametrize("document", [None, [], {}, {"keys": {}}, {"keys": []}])
def test_what_is_no_set_of_keys(document):
    with pytest.raises(ValueError, match="no"):
        tokens.key_set(document)


def test_a_set_is_cut_off_where_it_is_too_long():
    keys = [jwk(kid=str(number)) for number in range(tokens.MAX_KEYS + 5)]
    assert len(tokens.key_set({"keys": keys})) == tokens.MAX_KEYS


def test_a_key_that_is_for_another_algorithm_than_its_own_is_left_out():
    large = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    document = {"keys": [jwk(large, alg="RS512"), jwk(kid="good")]}
    assert [key.key_id for key in tokens.key_set(document)] == ["good"]


def raw(claims: bytes) -> str:
    return jwt.api_jws.PyJWS().encode(claims, TOKEN_SECRET, algorithm="HS256")


NO_JWT = "no JWT: three parts of base64url, with dots between them"
ANOTHER_KEY = "signed with another key than ours, or changed since"
NO_CLAIMS = "what is signed in it is no JSON object, or no claims"


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        *(
            (text, NO_JWT)
            for text in ("", "x", "a.b", "a.b.c", "....", "é.a.b", "e30", "bnVsbA.a.b")
        ),
        ("e30.e30.AA", "names no algorithm"),
        (
            signed("another-secret-of-thirty-two-bytes!!"),
            "signed with another key than ours, or changed since",
        ),
        (jwt.encode({"calls": ["*"]}, TOKEN_SECRET, algorithm="HS256"), "has no exp"),
        (raw(b"[1]"), NO_CLAIMS),
        (raw(b"no JSON"), NO_CLAIMS),
        (raw(b"[" * 100_000)[:4000], None),
        (signed(exp=NOW + 31 * 86_400), "exp is more than 30 days ahead (TOKEN_MAX_AGE)"),
    ],
)
def test_why_a_token_opens_nothing_is_said_in_words_of_ours(token, reason):
    with pytest.raises(InvalidToken) as caught:
        tokens.verify(token, KEYS, NOW)
    if reason is not None:
        assert caught.value.reason == reason
    assert "Error" not in caught.value.reason
