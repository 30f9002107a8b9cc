"""broker/moves.py: the owner of a call that moves and its successor talk."""

import pytest
from structlog.testing import capture_logs
from support.brokers import kill_server
from support.sids import call_sid
from support.timing import PATIENCE, patience

from broker import moves
from broker.errors import OwnerSilent

CALL, OTHER = call_sid(1), call_sid(2)


@pytest.fixture(autouse=True)
def slow(monkeypatch):
    """Let an answer be late: whoever lives gives one."""
    monkeypatch.setattr(moves, "ANSWER_SECONDS", PATIENCE)


async def test_a_successor_is_answered_by_the_owner_in_another_process(connect):
    owner, successor = await connect(), await connect()
    async with patience(), owner.moves.answering(CALL, lambda question: question + b"!"):
        assert await successor.moves.ask(CALL, b"where") == b"where!"
        with pytest.raises(OwnerSilent, match=OTHER):
            await successor.moves.ask(OTHER, b"where")


async def test_an_owner_that_is_gone_is_known_at_once(connect):
    """Not after the time that an answer may take."""
    owner, successor = await connect(), await connect()
    async with owner.moves.answering(CALL, lambda question: question):
        pass
    async with patience():
        await owner.flush()
        with pytest.raises(OwnerSilent, match="no responders"):
            await successor.moves.ask(CALL, b"where")


async def test_what_cannot_be_answered_is_a_defect_that_ends_nothing(connect, monkeypatch):
    broker = await connect()

    def answer(question: bytes) -> bytes:
        if question == b"bad":
            raise ValueError(question)
        return b"good"

    with capture_logs() as lines:
        async with patience(), broker.moves.answering(CALL, answer):
            with monkeypatch.context() as impatient:
                impatient.setattr(moves, "ANSWER_SECONDS", 0.2)
                with pytest.raises(OwnerSilent):
                    await broker.moves.ask(CALL, b"bad")
            assert await broker.moves.ask(CALL, b"?") == b"good"
    assert [line["event"] for line in lines] == ["defect: no answer to a successor"]


async def test_nobody_is_asked_while_nats_is_away(connect, server, monkeypatch):
    monkeypatch.setattr(moves, "ANSWER_SECONDS", 0.2)
    broker = await connect()
    async with patience():
        await kill_server(server)
        with pytest.raises(OwnerSilent):
            await broker.moves.ask(CALL, b"where")
