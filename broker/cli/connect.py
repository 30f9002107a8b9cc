"""The one way in which the commands reach NATS: its settings, its client, its errors in words."""

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import nats.errors

from broker.client import Client
from broker.connection import identity
from broker.errors import BrokerError
from broker.settings import (
    DEFAULT_SERVER,
    read_authorities,
    read_credentials,
    read_megabytes,
    read_prefix,
    read_replicas,
    read_retention,
    read_servers,
    read_shards,
    without_password,
)
from broker.subjects import DEFAULT_PREFIX
from broker.words import NO_ANSWER, REFUSED, forbidden, said

CONNECT_SECONDS = 5.0
RETRY_SECONDS: Any = 0.1  # the client takes fractions, but its types say int
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
EMBEDDED = (
    "If it is that of `partyline serve --embedded-nats`: set NATS_URL to the `nats_url` of the "
    "line `ready` in its log"
)
T = TypeVar("T")


class Variable(NamedTuple):
    """What counts where an argument is not given."""

    name: str
    read: Callable[[str], object]
    default: object = None

    def value(self, environ: Mapping[str, str]) -> object:
        text = environ.get(self.name, "").strip()
        return self.read(text) if text else self.default


VARIABLES = {
    "servers": Variable("NATS_URL", read_servers, (DEFAULT_SERVER,)),
    "credentials": Variable("NATS_CREDS", read_credentials),
    "authorities": Variable("NATS_CA", read_authorities),
    "prefix": Variable("SUBJECT_PREFIX", read_prefix, DEFAULT_PREFIX),
    "shards": Variable("NATS_SHARDS", read_shards, 1),
    "replicas": Variable("NATS_REPLICAS", read_replicas),
    "retention": Variable("RETENTION", read_retention),
    "megabytes": Variable("MAX_MEGABYTES", read_megabytes),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--url``, ``--creds`` and ``--prefix``, for :func:`parse`."""
    parser.add_argument(
        "--url",
        dest="servers",
        type=argument(read_servers),
        help=f"the server, or several (default: NATS_URL, or {DEFAULT_SERVER})",
    )
    parser.add_argument(
        "--creds",
        dest="credentials",
        type=argument(_file_of(read_credentials)),
        metavar="FILE",
        help="a .creds file, for a server that asks (default: the text in NATS_CREDS)",
    )
    parser.add_argument(
        "--ca",
        dest="authorities",
        type=argument(_file_of(read_authorities)),
        metavar="FILE",
        help="certificates that a server's may be signed by, besides those that all trust "
        "(default: the text in NATS_CA)",
    )
    parser.add_argument(
        "--prefix",
        type=argument(read_prefix),
        help="what all names on NATS begin with (default: SUBJECT_PREFIX, or transcripts)",
    )


def add_shards(parser: argparse.ArgumentParser) -> None:
    """Add ``--shards``, for whoever must know which stream has a call."""
    parser.add_argument(
        "--shards",
        type=argument(read_shards),
        metavar="N",
        help="how many streams share the records (default: NATS_SHARDS, or 1)",
    )


def parse(parser: argparse.ArgumentParser, argv: list[str]) -> argparse.Namespace:
    """
    Parse the arguments; what they leave out is read from the environment, as the service reads it.

    A malformed variable ends the program, with its name.
    """
    arguments = parser.parse_args(argv)
    for attribute, variable in VARIABLES.items():
        if getattr(arguments, attribute, variable) is None:
            try:
                value = variable.value(os.environ)
            except ValueError as exc:
                parser.exit(2, f"{parser.prog}: {variable.name}: {exc}\n")
            setattr(arguments, attribute, value)
    return arguments


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
    except BrokenPipeError:
        raise  # of standard output: the client keeps those of its connection to itself
    except (BrokerError, nats.errors.Error, OSError, TimeoutError) as exc:
        print(f"{prog}: {_words(exc)}", file=sys.stderr)
        return 1


@asynccontextmanager
async def connected(
    arguments: argparse.Namespace,
    *,
    name: str,
    user: str,
    on_refused: Callable[[], None] = lambda: None,
    **options: Any,  # noqa: ANN401  of the client
) -> AsyncIterator[Client]:
    """
    Connect as the options say; each server is tried once.

    Args:
        arguments: What :func:`parse` returned.
        name: Of the client, as the server lists it.
        user: Who may do what is asked for, of those in ``server/users.conf``.
        on_refused: Ends what waits for no answer, once the user may not do something.
        options: Of the client.

    Raises:
        BrokerError: it cannot be reached, or refuses something; says where, and why.
    """
    problems = _Problems(user, len(arguments.servers), on_refused)
    client = Client()
    try:
        async with asyncio.timeout(CONNECT_SECONDS) as problems.limit:
            await client.connect(
                list(arguments.servers),
                name=name,
                error_cb=problems.note,
                **identity(arguments.servers, arguments.credentials, arguments.authorities),
                **{"max_reconnect_attempts": 1, "reconnect_time_wait": RETRY_SECONDS, **options},
            )
    except (TimeoutError, OSError, nats.errors.Error) as exc:
        shown = ", ".join(map(without_password, arguments.servers))
        reason = problems.said or said(exc)
        hint = ": is it NATS that listens there?" if reason == NO_ANSWER else ""
        here = {urlsplit(server).hostname for server in arguments.servers} <= LOOPBACK
        if here and reason == REFUSED:
            hint = f" {EMBEDDED}"
        raise BrokerError(f"cannot reach NATS at {shown}: {reason}{hint}") from exc
    problems.untried = None
    try:
        async with asyncio.timeout(None) as problems.limit:
            yield client
    except (BrokerError, nats.errors.Error, TimeoutError) as exc:
        raise BrokerError(problems.refusal or _words(exc)) from exc
    else:
        if problems.refusal:
            raise BrokerError(problems.refusal)
    finally:
        await client.close()


class _Problems:
    """
    What the client reports beside what it raises; ends what is waited for where that is no use.

    Attributes:
        limit: Of what is waited for now.
        untried: How many servers are left to be tried; None once one has let us in.
        said: The newest, in words.
        refusal: What the user may not do: of that comes no answer.
    """

    def __init__(self, user: str, servers: int, on_refused: Callable[[], None]) -> None:
        self.limit = asyncio.timeout(None)
        self.untried: int | None = servers
        self.said = ""
        self.refusal = ""
        self._advice = (
            f"use one who may, as {user} in broker/server/users.conf, which deploy/ sets up, or "
            "give this one that permission"
        )
        self._on_refused = on_refused
        self._answered = False

    async def note(self, error: Exception) -> None:
        # Behind a refusal the client finds its connection cut: that explains nothing.
        if not (isinstance(error, OSError) and self._answered):
            self.said, self._answered = said(error), not isinstance(error, OSError)
        if self.untried is not None:
            self.untried -= 1
        if (what := forbidden(error)) is not None:
            self.refusal = f"this user may not {what}: {self._advice}"
            self._on_refused()
        if self.refusal or self.untried == 0:
            with suppress(RuntimeError):  # nothing is waited for any more
                self.limit.reschedule(asyncio.get_running_loop().time())


def _words(exc: BaseException) -> str:
    return str(exc) if isinstance(exc, BrokerError) else said(exc)


def _file_of(read: Callable[[str], str]) -> Callable[[str], str]:
    """Make of what reads a text what reads it from a file."""

    def read_file(path: str) -> str:
        try:
            text = Path(path).read_text()
        except (OSError, UnicodeError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else "is no text"
            raise ValueError(f"cannot read {path}: {reason}") from exc
        try:
            return read(text)
        except ValueError as exc:
            raise ValueError(f"{path} {exc}") from exc

    return read_file
