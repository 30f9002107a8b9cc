"""handler/subscribers/websocket.py: is the service there? Asked with a token that it knows."""

import contextlib
import json
import time

import pytest
from support.credentials import TOKEN_SECRET
from support.inside import inside
from support.timing import patience, until
from websockets.asyncio.client import connect

from broker.server.embedded import EmbeddedServer
from handler.subscribers import admission, websocket
from handler.tokens import tokens


@pytest.fixture
async def running():
    async with EmbeddedServer() as server, inside(NATS_URL=server.url) as service:
        yield service


def minted(subject: str) -> str:
    return tokens.mint(TOKEN_SECRET, expires=time.time() + 600, calls=["*"], subject=subject)


@contextlib.asynccontextmanager
async def asking(running, subject: str):
    """Open a socket; gives what asks on it, and what asks and is answered."""
    token = minted(subject)
    url = f"ws://127.0.0.1:{running.port}/client?token={token}"
    async with connect(url, compression=None, proxy=None, close_timeout=0.1) as socket:
        await socket.recv()  # the list

        async def ask():
            await socket.send(json.dumps({"token": token}))

        async def is_answered():
            await ask()
            return json.loads(await socket.recv())["type"] == "Token"

        yield ask, is_answered


def debt(running, subject: str) -> float:
    """Return how long what a subject says now would wait."""
    return sum(
        one.debt for bearer, one in running.service.subscribers._said.items() if subject in bearer
    )


async def test_a_question_that_comes_too_often_waits_with_all_that_its_subject_says(
    running, monkeypatch
):
    monkeypatch.setattr(admission, "HEARD_AT_ONCE", 1)
    monkeypatch.setattr(admission, "HEARD_A_SECOND", 1e-3)
    monkeypatch.setattr(websocket, "QUESTIONS_A_SECOND", 1e-3)
    async with (
        patience(),
        asking(running, "many") as (ask, is_answered),
    ):
        assert await is_answered()  # a renewal: the one message that may be said
        for _ in range(websocket.QUESTIONS_AT_ONCE):
            assert await is_answered()
        assert debt(running, "many") == 0
        await ask()
        await until(lambda: debt(running, "many") > 0)
        async with asking(running, "few") as (_, is_answered_to_others):
            assert await is_answered_to_others()


async def test_questions_at_the_pace_of_pages_never_wait(running, monkeypatch):
    """However much else their subject says: what it says waits, and they do not."""
    monkeypatch.setattr(admission, "HEARD_AT_ONCE", 1)
    monkeypatch.setattr(admission, "HEARD_A_SECOND", 1e-3)
    monkeypatch.setattr(websocket, "QUESTIONS_A_SECOND", 1e6)  # as if each came in its time
    async with patience(), asking(running, "page") as (_, is_answered):
        for _ in range(5 * websocket.QUESTIONS_AT_ONCE):
            assert await is_answered()
        async with asking(running, "page") as (renew, _):
            await renew()
            await until(lambda: debt(running, "page") > 0)
            assert await is_answered()
