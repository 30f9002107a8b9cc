"""The one way in which the commands reach NATS: its settings, its client, its errors in words."""

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import nats
import nats.errors
from nats.aio.client import Client

from broker.connection import identity
from broker.errors import BrokerError
from broker.settings import read_credentials, read_prefix, read_servers, without_password

DEFAULT_URL = "nats://127.0.0.1:4222"
CONNECT_SECONDS = 5.0
T = TypeVar("T")


def add_options(parser: argparse.ArgumentParser) -> None:
    """
    Add ``--url``, ``--creds`` and ``--prefix``; without them the environment counts.

    What it holds is read as the service reads it: NATS_URL, NATS_CREDS, SUBJECT_PREFIX.
    """
    parser.add_argument(
        "--url",
        dest="servers",
        default=_from_environ("NATS_URL", DEFAULT_URL),
        type=argument(read_servers),
        help=f"the server, or several (default: NATS_URL, or {DEFAULT_URL})",
    )
    parser.add_argument(
        "--creds",
        dest="credentials",
        type=argument(_read_file),
        metavar="FILE",
        help="a .creds file, for a server that asks (default: the text in NATS_CREDS)",
    )
    parser.add_argument(
        "--prefix",
        default=_from_environ("SUBJECT_PREFIX", "transcripts"),
        type=argument(read_prefix),
        help="what all names on NATS begin with (default: SUBJECT_PREFIX, or transcripts)",
    )


def argument(read: Callable[[str], T]) -> Callable[[str], T]:
    """Make of a reader that raises ValueError one whose words argparse shows."""

    def convert(text: str) -> T:
        try:
            return read(text)
        except ValueError as exc:
            raise argparse.ArgumentTypeError(str(exc)) from exc

    return convert


def run(command: Coroutine[Any, Any, int], prog: str) -> int:
    """Run a command to its exit code; what goes wrong with NATS is said in one line."""
    try:
        return asyncio.run(command)
    except (BrokerError, nats.errors.Error, OSError, TimeoutError) as exc:
        print(f"{prog}: {str(exc) or type(exc).__name__}", file=sys.stderr)
        return 1


@asynccontextmanager
async def connected(
    arguments: argparse.Namespace,
    *,
    name: str,
    on_error: Callable[[Exception], Awaitable[None]] | None = None,
    **options: Any,  # noqa: ANN401  of the client
) -> AsyncIterator[Client]:
    """
    Connect as the options say.

    Raises:
        BrokerError: it cannot be reached; says where, and why.
    """
    problems: list[str] = []

    async def note(error: Exception) -> None:
        problems.append(str(error) or type(error).__name__)
        if on_error is not None:
            await on_error(error)

    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            client = await nats.connect(
                list(arguments.servers),
                name=name,
                error_cb=note,
                **identity(arguments.servers, _credentials(arguments)),
                **{"max_reconnect_attempts": 0, **options},
            )
    except (TimeoutError, OSError, nats.errors.Error) as exc:
        reason = problems[-1] if problems else str(exc) or type(exc).__name__
        shown = ", ".join(map(without_password, arguments.servers))
        raise BrokerError(f"cannot reach NATS at {shown}: {reason}") from exc
    try:
        yield client
    finally:
        await client.close()


def _from_environ(name: str, default: str) -> str:
    # argparse reads a default that is a text as if it had been given, and says what is wrong.
    return os.environ.get(name, "").strip() or default


def _credentials(arguments: argparse.Namespace) -> str | None:
    if arguments.credentials is not None:
        return str(arguments.credentials)
    text = os.environ.get("NATS_CREDS", "").strip()
    try:
        return read_credentials(text) if text else None
    except ValueError as exc:
        raise BrokerError(f"NATS_CREDS: {exc}") from exc


def _read_file(path: str) -> str:
    try:
        text = Path(path).read_text()
    except (OSError, UnicodeError) as exc:
        raise ValueError(f"cannot read {path}: {exc}") from exc
    try:
        return read_credentials(text)
    except ValueError as exc:
        raise ValueError(f"{path} {exc}") from exc
