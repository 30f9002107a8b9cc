"""
Tokens of subscribers: what a JWT lets its bearer read.

Pure: the time comes in as an argument. Any service that shares the secret, or holds the private
key, may mint them; ``docs/protocol.md`` lists the claims.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from handler.errors import InvalidToken

# RFC 7518 section 3.2: a key of the same size as the hash output or larger.
MIN_SECRET_BYTES = 32
# A larger one is refused unread. With long lists of callSids a token may reach a few kilobytes.
MAX_TOKEN_BYTES = 8192
CALL_SID = re.compile(r"CA[0-9a-f]{32}")
E164 = re.compile(r"\+[1-9][0-9]{1,14}")
ANY_CALL = "*"


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A key that tokens are checked with, and the one algorithm it may be used for."""

    key: Any
    algorithm: str


@dataclass(frozen=True, slots=True)
class Grant:
    """
    What a token allows.

    Attributes:
        calls: callSids, or ``*`` for every call.
        numbers: E.164 numbers: any call from or to one of them.
        expires: Unix time at which it ends.
        subject: Whom it was made for (``sub``), if it says so.
    """

    calls: frozenset[str]
    numbers: frozenset[str]
    expires: float
    subject: str | None = None

    def allows(self, call_sid: str, numbers: Collection[str | None] = ()) -> bool:
        """Whether it allows to read this call, whose two numbers are ``numbers`` if known."""
        if ANY_CALL in self.calls or call_sid in self.calls:
            return True
        return any(number in self.numbers for number in numbers if number is not None)

    def could_allow(self, call_sid: str) -> bool:
        """Whether it may turn out to allow this call once the call's numbers are known."""
        return bool(self.numbers) or self.allows(call_sid)


# What everybody may do on a service started with --insecure and without keys.
EVERYTHING = Grant(frozenset({ANY_CALL}), frozenset(), float("inf"))


def secret_key(secret: str) -> VerificationKey:
    """Make a key from a shared secret; a short one raises ValueError."""
    if len(secret.encode()) < MIN_SECRET_BYTES:
        raise ValueError(f"a secret needs at least {MIN_SECRET_BYTES} bytes")
    return VerificationKey(secret, "HS256")


def public_key(pem: str) -> VerificationKey:
    """Make a key from a PEM public key: Ed25519, P-256 or RSA; another raises ValueError."""
    key = serialization.load_pem_public_key(pem.encode())
    match key:
        case ed25519.Ed25519PublicKey():
            return VerificationKey(key, "EdDSA")
        case ec.EllipticCurvePublicKey() if isinstance(key.curve, ec.SECP256R1):
            return VerificationKey(key, "ES256")
        case rsa.RSAPublicKey() if key.key_size >= 2048:
            return VerificationKey(key, "RS256")
        case _:
            raise ValueError("a public key must be Ed25519, P-256, or RSA of at least 2048 bits")


def verify(token: str, keys: Sequence[VerificationKey], now: float) -> Grant:
    """
    Check a token and return what it allows at ``now`` (Unix time).

    Raises:
        InvalidToken: whatever the defect; the peer must not learn which.
    """
    if len(token) > MAX_TOKEN_BYTES:
        raise InvalidToken(f"longer than {MAX_TOKEN_BYTES} bytes")
    claims = _claims(token, keys)
    expires = claims["exp"]
    if isinstance(expires, bool) or not isinstance(expires, int | float):
        raise InvalidToken("exp is not a number")
    if expires <= now:
        raise InvalidToken("expired")
    not_before = claims.get("nbf", 0)
    if isinstance(not_before, bool) or not isinstance(not_before, int | float):
        raise InvalidToken("nbf is not a number")
    if not_before > now:
        raise InvalidToken("not valid yet")
    subject = claims.get("sub")
    grant = Grant(
        calls=_strings(claims, "calls", CALL_SID, ANY_CALL),
        numbers=_strings(claims, "numbers", E164),
        expires=float(expires),
        subject=subject if isinstance(subject, str) else None,
    )
    if not grant.calls and not grant.numbers:
        raise InvalidToken("grants nothing: neither calls nor numbers")
    return grant


def _claims(token: str, keys: Sequence[VerificationKey]) -> dict[str, Any]:
    reason = "no key to check it with"
    # Times are checked by verify(), against the clock that it is given.
    options: jwt.types.Options = {
        "require": ["exp"],
        "verify_exp": False,
        "verify_nbf": False,
        "verify_iat": False,
        "verify_aud": False,
        "verify_sub": False,
        "verify_jti": False,
    }
    for key in keys:
        try:
            # One algorithm for each key, whatever the token's header asks for: no confusion.
            return jwt.decode(token, key.key, algorithms=[key.algorithm], options=options)
        except (jwt.PyJWTError, ValueError, RecursionError) as exc:
            reason = str(exc) or type(exc).__name__
    raise InvalidToken(reason)


def _strings(
    claims: dict[str, Any], name: str, form: re.Pattern[str], also: str | None = None
) -> frozenset[str]:
    values = claims.get(name, [])
    if not isinstance(values, list):
        raise InvalidToken(f"{name} is not a list")
    for value in values:
        if not isinstance(value, str) or not (value == also or form.fullmatch(value)):
            raise InvalidToken(f"{name} holds something else")
    return frozenset(values)


def mint(
    secret: str,
    *,
    expires: float,
    calls: Sequence[str] = (),
    numbers: Sequence[str] = (),
    subject: str | None = None,
) -> str:
    """Make an HS256 token with a shared secret. ``expires`` is a Unix time."""
    claims: dict[str, Any] = {"exp": int(expires)}
    if subject is not None:
        claims["sub"] = subject
    if calls:
        claims["calls"] = list(calls)
    if numbers:
        claims["numbers"] = list(numbers)
    return jwt.encode(claims, secret_key(secret).key, algorithm="HS256")
