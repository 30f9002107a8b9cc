"""
Tokens of subscribers: how a JWT is checked, and made.

Pure: the time comes in as an argument. Any service that shares the secret, or holds the private
key, may mint them; ``docs/tokens.md`` says how, and lists the claims.

With PyJWT and cryptography it is a fifth of the service's memory at its start, so a process loads
it when the first token comes, or where a public key is set.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from broker import durations
from broker.identifiers import CALL_SID, E164
from handler.errors import InvalidToken
from handler.tokens.grants import ANY_CALL, Grant, Rules, VerificationKey, secret_key

# A larger one is refused unread. With long lists of callSids a token may reach a few kilobytes. The
# request line of a websocket may have 8,192 bytes: there is room for it there beside the rest.
MAX_TOKEN_BYTES = 8000
# The algorithms of private and public keys that are taken.
ASYMMETRIC = frozenset({"EdDSA", "ES256", "RS256"})
# A JWKS with more is cut off there, and a longer name of a key is nobody's.
MAX_KEYS = 50
MAX_KEY_ID = 256
# What the clock of who mints may be ahead of ours, in seconds. An end is an end, by our clock.
LEEWAY = 60.0
MAX_TIME = 2.0**53  # beyond it a float has no whole seconds


@dataclass(frozen=True, slots=True)
class Header:
    """What a token says of its signature, not to be trusted: it only helps to find the key."""

    algorithm: str
    key_id: str | None


def public_key(pem: str) -> VerificationKey:
    """Make a key from a PEM public key: Ed25519, P-256 or RSA; another raises ValueError."""
    key = serialization.load_pem_public_key(pem.encode())
    return VerificationKey(key, _algorithm(key))


def key_set(document: object) -> tuple[VerificationKey, ...]:
    """
    Read the keys of a JWKS that tokens may be checked with; others in it are left out.

    Raises:
        ValueError: it is no JWKS, or none of its keys is of use.

    Source: https://www.rfc-editor.org/rfc/rfc7517#section-5
    """
    match document:
        case {"keys": [*entries]}:
            pass
        case _:
            raise ValueError("not a JWKS: an object with a list of keys")
    found = []
    for entry in entries[:MAX_KEYS]:
        if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
            continue
        if entry.get("kty") not in ("RSA", "EC", "OKP") or "d" in entry:
            continue  # a secret, or a private key, has no place in public
        key_id = entry.get("kid")
        if key_id is not None and not (isinstance(key_id, str) and len(key_id) <= MAX_KEY_ID):
            continue
        try:
            key = jwt.PyJWK(entry).key
            algorithm = _algorithm(key)
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            continue
        if entry.get("alg", algorithm) == algorithm:
            found.append(VerificationKey(key, algorithm, key_id))
    if not found:
        raise ValueError("no key in it is for EdDSA, ES256 or RS256")
    return tuple(found)


def _algorithm(key: object) -> str:
    """Return the one algorithm that a public key is for; a key of another kind is a ValueError."""
    match key:
        case ed25519.Ed25519PublicKey():
            return "EdDSA"
        case ec.EllipticCurvePublicKey() if isinstance(key.curve, ec.SECP256R1):
            return "ES256"
        case rsa.RSAPublicKey() if key.key_size >= 2048:
            return "RS256"
        case _:
            raise ValueError("a public key must be Ed25519, P-256, or RSA of at least 2048 bits")


def read_header(token: str) -> Header:
    """
    Read what a token says of its signature.

    Raises:
        InvalidToken: it is no token, or longer than any of ours.
    """
    if len(token) > MAX_TOKEN_BYTES:
        raise InvalidToken(f"longer than {MAX_TOKEN_BYTES} bytes")
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError) as exc:
        raise InvalidToken("no JWT: three parts of base64url, with dots between them") from exc
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str):
        raise InvalidToken("names no algorithm")
    if key_id is not None and not (isinstance(key_id, str) and len(key_id) <= MAX_KEY_ID):
        raise InvalidToken("its kid is not a name")
    return Header(algorithm, key_id)


def verify(
    token: str, keys: Sequence[VerificationKey], now: float, rules: Rules | None = None
) -> Grant:
    """
    Check a token and return what it allows at ``now`` (Unix time).

    Raises:
        InvalidToken: whatever the defect; the peer must not learn which.
    """
    rules = Rules() if rules is None else rules
    claims = _claims(token, read_header(token), keys)
    expires = _time(claims, "exp")
    if expires <= now:
        raise InvalidToken("expired")
    if expires > now + rules.longest:
        raise InvalidToken(
            f"exp is more than {durations.shown(rules.longest)} ahead (TOKEN_MAX_AGE)"
        )
    if "nbf" in claims and _time(claims, "nbf") > now + LEEWAY:
        raise InvalidToken("not valid yet")
    if rules.audience is not None:
        audience = claims.get("aud")
        if rules.audience not in (audience if isinstance(audience, list) else [audience]):
            raise InvalidToken("aud does not name this service (TOKEN_AUDIENCE)")
    subject = claims.get("sub")
    # Taken for none, it would let another such token renew this one.
    if "sub" in claims and not isinstance(subject, str):
        raise InvalidToken("sub is not a text")
    grant = Grant(
        calls=_strings(claims, "calls", CALL_SID, ANY_CALL),
        numbers=_strings(claims, "numbers", E164),
        expires=expires,
        subject=subject,
        bearer=_fingerprint(token) if subject is None else f"sub {subject}",
    )
    if not grant.calls and not grant.numbers:
        raise InvalidToken("grants nothing: neither calls nor numbers")
    return grant


def _fingerprint(token: str) -> str:
    """Name a token: by what is signed, as the signature itself may be spelled in several ways."""
    signed, _, _ = token.rpartition(".")
    return hashlib.sha256(signed.encode()).hexdigest()


def _claims(token: str, header: Header, keys: Sequence[VerificationKey]) -> dict[str, Any]:
    """Return the claims if one of the keys signed them."""
    reason = f"no key for it: alg {header.algorithm[:32]!r}, kid {header.key_id!r:.64}"
    # Times and audience are checked by verify(), against the clock and the rules it is given.
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
        # One algorithm for each key, and the token's header has no say in it: no confusion.
        if key.algorithm != header.algorithm:
            continue
        if header.key_id is not None and key.key_id not in (None, header.key_id):
            continue
        try:
            return jwt.decode(token, key.key, algorithms=[key.algorithm], options=options)
        except (jwt.PyJWTError, ValueError, RecursionError) as exc:
            reason = _said(exc)
    raise InvalidToken(reason)


def _said(exc: Exception) -> str:
    """Return what the library says is wrong with a token, in words of ours."""
    match exc:
        case jwt.InvalidSignatureError():
            return "signed with another key than ours, or changed since"
        case jwt.MissingRequiredClaimError():
            return f"has no {exc.claim}"
        case _:
            return "what is signed in it is no JSON object, or no claims"


def _time(claims: dict[str, Any], name: str) -> float:
    """Return a Unix time of a token."""
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidToken(f"{name} is not a number")
    if not 0 <= value <= MAX_TIME:  # nor is NaN between them
        raise InvalidToken(f"{name} is no time")
    return float(value)


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
    audience: str | None = None,
) -> str:
    """Make an HS256 token with a shared secret. ``expires`` is a Unix time."""
    claims: dict[str, Any] = {"exp": int(expires)}
    if subject is not None:
        claims["sub"] = subject
    if audience is not None:
        claims["aud"] = audience
    if calls:
        claims["calls"] = list(calls)
    if numbers:
        claims["numbers"] = list(numbers)
    return jwt.encode(claims, secret_key(secret).key, algorithm="HS256")
