"""What tests of calls may ask for: that nobody is taken for gone who is slow."""

import pytest
from support.timing import PATIENCE, UNIT


@pytest.fixture
def slow_nats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let NATS take long to answer; one that is away is refused at once all the same."""
    monkeypatch.setattr("handler.calls.tickets.PROMISE_SECONDS", PATIENCE)
    monkeypatch.setattr("handler.calls.tickets.SPEND_SECONDS", PATIENCE)
    monkeypatch.setattr("broker.bucket.WRITE_SECONDS", PATIENCE)


@pytest.fixture
def slow_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the owner of a call and its successor hear of each other late: neither dies."""
    monkeypatch.setattr("broker.moves.ANSWER_SECONDS", PATIENCE)
    monkeypatch.setattr("handler.calls.moving.SILENT_SECONDS", 20 * UNIT)
