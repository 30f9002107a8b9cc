"""What a token opens, and with which keys and by which rules one is checked. Pure."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

# RFC 7518 section 3.2: a key of the same size as the hash output or larger.
MIN_SECRET_BYTES = 32
ANY_CALL = "*"
DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """
    A key that tokens are checked with.

    Attributes:
        key: What PyJWT takes.
        algorithm: The one algorithm that it may be used for.
        key_id: Its ``kid``, if it has one: tokens that name another are not for it.
    """

    key: Any
    algorithm: str
    key_id: str | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """
    What a token must be besides well signed.

    Attributes:
        audience: What ``aud`` must name; None takes any, or none.
        longest: How far ``exp`` may lie ahead, in seconds.
    """

    audience: str | None = None
    longest: float = 30 * DAY


@dataclass(frozen=True, slots=True)
class Grant:
    """
    What a token allows.

    Attributes:
        calls: callSids, or ``*`` for every call.
        numbers: E.164 numbers: any call from or to one of them.
        expires: Unix time at which it ends.
        subject: Whom it was made for (``sub``), if it says so.
        bearer: Who shares limits with whom: all with its subject; without one, those who have the
            same token. None is nobody's.
    """

    calls: frozenset[str]
    numbers: frozenset[str]
    expires: float
    subject: str | None = None
    bearer: str | None = field(default=None, compare=False)

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
        raise ValueError(
            f"a secret needs at least {MIN_SECRET_BYTES} bytes: openssl rand -hex 32 makes one"
        )
    return VerificationKey(secret, "HS256")


def read_secrets(text: str) -> tuple[str, ...]:
    """
    Read shared secrets, separated by commas or blanks; the first one signs.

    Raises:
        ValueError: there is none, or one is too short.
    """
    secrets = tuple(part for part in re.split(r"[,\s]+", text) if part)
    if not secrets:
        raise ValueError("holds no secret")
    for secret in secrets:
        secret_key(secret)
    return secrets
