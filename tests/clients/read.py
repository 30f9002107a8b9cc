"""
A program that reads by the Python client, as the README beside it says; ``--sync``: by the one
without a loop of its own.
"""

import argparse
import asyncio
import json
import urllib.request

from partyline_client import (
    Backoff,
    Event,
    InvalidToken,
    Partyline,
    PartylineError,
    Refused,
    State,
    StateChanged,
    sync,
)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sync", action="store_true")
    parser.add_argument("url")
    parser.add_argument("tokens")
    parser.add_argument("target")
    parser.add_argument("--wait", type=float, required=True)
    given = parser.parse_args()
    told = Told()
    try:
        if given.sync:
            take_in_turn(given, told)
        else:
            asyncio.run(take(given, told))
    except PartylineError as exc:
        told.end(exc)
        return 1
    return 0


def take_in_turn(given: argparse.Namespace, told: "Told") -> None:
    backoff = Backoff(first=given.wait)
    with sync.Partyline(given.url, lambda: fetch(given.tokens), backoff=backoff) as client:
        is_number = given.target.startswith("+")
        for event in client.number(given.target) if is_number else client.call(given.target):
            told.take(event)


async def take(given: argparse.Namespace, told: "Told") -> None:
    async def ask() -> str:
        return await asyncio.to_thread(fetch, given.tokens)

    async with Partyline(given.url, ask, backoff=Backoff(first=given.wait)) as client:
        is_number = given.target.startswith("+")
        async for event in client.number(given.target) if is_number else client.call(given.target):
            told.take(event)


def fetch(tokens: str) -> str:
    with urllib.request.urlopen(tokens) as answer:  # noqa: S310  the test's own address
        return answer.read().decode()


class Told:
    """What goes to standard output."""

    def __init__(self) -> None:
        self.state: State | None = None

    def take(self, event: Event) -> None:
        if isinstance(event, StateChanged):
            self.state = event.state
            print(json.dumps({"state": event.state.value}), flush=True)
        else:
            print(event.wire, flush=True)

    def end(self, exc: PartylineError) -> None:
        if isinstance(exc, InvalidToken) and self.state is State.EXPIRED:
            line: dict[str, object] = {"state": "expired"}
        else:
            line = {"state": "refused", "code": exc.code if isinstance(exc, Refused) else None}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
