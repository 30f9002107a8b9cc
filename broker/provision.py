"""The streams and the bucket: created where they are missing, compared, updated on request."""

import json
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import nats.errors
import nats.js.errors
from nats.aio.client import Client

from broker import shape
from broker.errors import Misshapen, NotProvisioned, ServerTooOld
from broker.settings import BrokerSettings
from broker.shape import Config, Difference
from broker.subjects import Subjects
from broker.words import NO_ANSWER, said

# The oldest server on which all of this was seen to work; 2.10 lacks message TTL, and on 2.11.0
# an expired lease did not reach the view.
OLDEST_SERVER = (2, 11, 11)
STREAM_EXISTS = 10058
ANSWER_SECONDS = 5.0


def check_version(client: Client) -> None:
    """Refuse a server that is too old, by name."""
    version = client.connected_server_version
    if (version.major, version.minor, version.patch) < OLDEST_SERVER:
        needed = ".".join(map(str, OLDEST_SERVER))
        raise ServerTooOld(f"{version.major}.{version.minor}.{version.patch}", needed)


async def provision(client: Client, subjects: Subjects, settings: BrokerSettings) -> list[str]:
    """
    See to it that streams and bucket exist and are as we need them; idempotent.

    Returns what of them was not so, and is now, in words.

    Raises:
        NotProvisioned: one is missing, and the user may not create it or the server refuses.
        Misshapen: one is there, but what is written to it would not be kept, or not be read.
    """
    changed = []
    for stream in subjects.streams:
        changed += await _ensure(
            client,
            f"stream {stream}",
            shape.stream_config(subjects, settings, stream),
            partial(shape.stream_differences, subjects),
            update=settings.provision,
        )
    changed += await _ensure(
        client,
        f"bucket {subjects.bucket}",
        shape.bucket_config(subjects, settings),
        partial(shape.bucket_differences, subjects),
        update=settings.provision,
    )
    return changed


async def provision_forward(
    client: Client, subjects: Subjects, settings: BrokerSettings
) -> list[str]:
    """
    See to it that the bucket of `partyline forward` exists and is as it must be; idempotent.

    Returns, and raises, what :func:`provision` does.
    """
    return await _ensure(
        client,
        f"bucket {subjects.forward_bucket}",
        shape.forward_config(subjects, settings),
        partial(shape.forward_differences, subjects),
        update=settings.provision,
    )


async def find_stream(client: Client, name: str) -> Config | None:
    """
    Return the configuration of a stream; None if there is none.

    Raises:
        nats.errors.Error: NATS does not say.
    """
    config, _ = await look_at(client, name)
    return config or None


async def look_at(client: Client, name: str) -> tuple[Config, Config]:
    """
    Return the configuration of a stream, and what it holds; both empty if there is none.

    Raises:
        nats.errors.Error: NATS does not say.
    """
    told = await ask_about(client, name)
    return told.get("config", {}), told.get("state", {})


async def ask_about(client: Client, name: str) -> Config:
    """
    Return all that NATS tells of a stream; nothing if there is none.

    Raises:
        nats.errors.Error: NATS does not say.
    """
    try:
        told: Config = await _ask(client, "INFO", name)
    except nats.js.errors.NotFoundError:
        return {}
    return told


def oldest_age(state: Config, now: float) -> float:
    """Return how old a stream's oldest record is, in seconds; 0 if it has none."""
    if not state.get("messages"):
        return 0.0
    # NATS's times have more digits than Python reads.
    oldest = datetime.fromisoformat(f"{state['first_ts'][:19]}+00:00")
    return max(0.0, now - oldest.timestamp())


async def _ensure(
    client: Client,
    name: str,
    ours: Config,
    differences: Callable[[Config], list[Difference]],
    *,
    update: bool,
) -> list[str]:
    stream, changed = str(ours["name"]), list[str]()
    state = "could not be looked at"
    try:
        found = await find_stream(client, stream)
        if found is None:
            state = "is missing and could not be created"
            found = await _create(client, stream, ours)
        elif update and not shape.has(found, ours):
            state = "could not be brought up to date"
            changed = [f"{name}: {difference.text}" for difference in differences(found)]
            ours = shape.brought_up_to_date(found, ours)
            found = (await _ask(client, "UPDATE", stream, ours))["config"]
    except (nats.errors.Error, TimeoutError, OSError) as exc:
        raise NotProvisioned(name, state, _said(exc)) from exc
    if different := differences(found):
        raise Misshapen(name, shape.advice(stream, different))
    return changed


async def _create(client: Client, stream: str, ours: Config) -> Config:
    try:
        answer = await _ask(client, "CREATE", stream, ours)
    except nats.js.errors.BadRequestError as exc:
        if exc.err_code != STREAM_EXISTS:
            raise
        # Another process, with other settings, was faster.
        answer = await _ask(client, "INFO", stream)
    config: Config = answer["config"]
    return config


async def _ask(client: Client, verb: str, stream: str, body: Config | None = None) -> Any:  # noqa: ANN401
    """
    Ask for a stream as it is on the wire: the client's own configuration knows fewer fields.

    Raises:
        nats.errors.Error: there is none, or it may not be as it is asked for.
    """
    payload = b"" if body is None else json.dumps(body).encode()
    reply = await client.request(f"$JS.API.STREAM.{verb}.{stream}", payload, timeout=ANSWER_SECONDS)
    answer = json.loads(reply.data)
    if "error" in answer:
        raise nats.js.errors.APIError.from_error(answer["error"])
    return answer


def _said(exc: Exception) -> str:
    """What went wrong, in words; a request that may not be made is never answered."""
    words = said(exc)
    if words == NO_ANSWER:
        return "no answer; may this user do that? Run `partyline provision` with a user that may"
    return words
