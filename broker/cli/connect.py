"""How every command reaches NATS: the same arguments, settings, client and errors."""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import nats
import nats.errors
from nats.aio.client import Client, RawCredentials

from broker.errors import BadSetting, BrokerError
from broker.settings import (
    DEFAULT_PREFIX,
    DEFAULT_URL,
    NatsSettings,
    login,
    parse_credentials,
    parse_prefix,
    parse_servers,
    without_logins,
)

CONNECT_SECONDS = 5.0
# Of the admin user: its own, as server/users.conf has it.
ADMIN_INBOX = b"_INBOX_admin"

T = TypeVar("T")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what says where NATS is; the environment has the defaults, and is read afterwards."""
    parser.add_argument(
        "--url",
        type=argument(parse_servers),
        help=f"the server, or several, separated by commas (default: NATS_URL, or {DEFAULT_URL})",
    )
    parser.add_argument(
        "--creds",
        type=argument(_read_credentials),
        metavar="FILE",
        help="credentials, for a server that asks (default: NATS_CREDS, the text of such a file)",
    )
    parser.add_argument(
        "--prefix",
        type=argument(parse_prefix),
        help=f"of all subjects (default: SUBJECT_PREFIX, or {DEFAULT_PREFIX})",
    )


def read_settings(arguments: argparse.Namespace, environ: Mapping[str, str]) -> NatsSettings:
    """
    Return what the arguments say, and the environment where they say nothing.

    Raises:
        BadSetting: a variable that counts is malformed.
    """
    given = {
        "NATS_URL": ("servers", arguments.url),
        "NATS_CREDS": ("credentials", arguments.creds),
        "SUBJECT_PREFIX": ("prefix", arguments.prefix),
    }
    said = {name: pair for name, pair in given.items() if pair[1] is not None}
    counts = {name: value for name, value in environ.items() if name not in said}
    changes: dict[str, Any] = dict(said.values())
    return replace(NatsSettings.from_environ(counts), **changes)


def run(prog: str, command: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Run a command; what goes wrong is said in words. Returns the exit code."""
    try:
        return asyncio.run(command())
    except BadSetting as exc:
        print(f"{prog}: {exc}", file=sys.stderr)
        return 2
    except (BrokerError, nats.errors.Error, OSError, TimeoutError) as exc:
        print(f"{prog}: {in_words(exc)}", file=sys.stderr)
        return 1


@asynccontextmanager
async def connected(
    settings: NatsSettings,
    *,
    name: str,
    inbox_prefix: bytes | None = None,
    keep: bool = False,
    on_error: Callable[[Exception], Awaitable[None]] | None = None,
) -> AsyncIterator[Client]:
    """
    Connect to NATS.

    Args:
        settings: Where it is, and who we are.
        name: What the server calls us.
        inbox_prefix: Where replies go, for a user that may listen there alone.
        keep: Connect again when the server goes away; else what runs then fails.
        on_error: Gets what the server complains of, once connected.

    Raises:
        BrokerError: it cannot be reached; says where, without a password, and why.
    """
    problems: list[str] = []
    is_connected = False

    async def note(error: Exception) -> None:
        if not is_connected:
            problems.append(in_words(error))
        elif on_error is not None:
            await on_error(error)

    options: dict[str, Any] = dict(login(settings.servers))
    if settings.credentials is not None:
        options["user_credentials"] = RawCredentials(settings.credentials)
    if inbox_prefix is not None:
        options["inbox_prefix"] = inbox_prefix
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            client = await nats.connect(
                list(settings.servers),
                name=name,
                error_cb=note,
                max_reconnect_attempts=-1 if keep else 0,
                **options,
            )
    # A server's certificate that does not fit, and credentials that are garbage, are ValueErrors.
    except (TimeoutError, OSError, ValueError, nats.errors.Error) as exc:
        reason = problems[-1] if problems else in_words(exc)
        where = without_logins(settings.servers)
        raise BrokerError(f"cannot reach NATS at {where}: {reason}") from exc
    is_connected = True
    try:
        yield client
    finally:
        await client.close()


def in_words(exc: Exception) -> str:
    return str(exc) or type(exc).__name__


def argument(parse: Callable[[str], T]) -> Callable[[str], T]:
    """Return what reads an argument so, and says in words what is wrong with it."""

    def read(text: str) -> T:
        try:
            return parse(text)
        except ValueError as exc:
            raise argparse.ArgumentTypeError(str(exc)) from exc

    return read


def _read_credentials(path: str) -> str:
    try:
        text = Path(path).read_text()
    except (OSError, UnicodeError) as exc:
        raise argparse.ArgumentTypeError(f"cannot read {path}: {exc}") from exc
    try:
        return parse_credentials(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"{path} {exc}") from exc
