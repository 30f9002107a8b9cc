"""broker/statuses.py: how calls ended is told to all, and kept for who asks later."""

import pytest
from support.sids import account_sid, call_sid
from support.timing import until

from broker.broker import Broker
from broker.entries import CallStatus
from broker.errors import HistoryUnavailable, NotWritten
from broker.settings import BrokerSettings
from broker.stream import read_history

CALL = CallStatus(account_sid(1), call_sid(1), "completed")
FOREIGN = CallStatus(account_sid(2), call_sid(1), "busy")


async def test_who_owns_a_call_hears_of_its_end_wherever_it_was_told(connect):
    owner, other = await connect(), await connect()
    heard: list[CallStatus] = []
    with owner.statuses.watch(CALL.call_sid, heard.append):
        await other.statuses.put(CallStatus(account_sid(1), call_sid(2), "failed"))
        await other.statuses.put(CALL)
        await until(lambda: heard)
        assert heard == [CALL]
        await owner.statuses.put(CALL)
        await until(lambda: len(heard) == 3)  # at once, and from NATS
        assert heard == [CALL] * 3
    await owner.statuses.put(CALL)
    assert len(heard) == 3
    assert owner.statuses._watched == {}


async def test_it_is_kept_for_who_asks_later_each_account_for_itself(connect):
    broker = await connect()
    assert await broker.statuses.of(CALL.call_sid, CALL.account_sid) is None
    await broker.statuses.put(FOREIGN)
    assert await broker.statuses.of(CALL.call_sid, CALL.account_sid) is None
    await broker.statuses.put(CALL)
    late = await connect()
    assert await late.statuses.of(CALL.call_sid, CALL.account_sid) == CALL
    assert await late.statuses.of(CALL.call_sid, FOREIGN.account_sid) == FOREIGN


async def test_it_costs_no_process_that_looks_at_the_list_anything(connect):
    """Nor does a leg: a snapshot of the list leaves them out, and no view keeps them."""
    broker = await connect()
    await until(lambda: broker.registry.has_lease(broker.settings.instance))
    for number in range(50):
        await broker.statuses.put(CallStatus(account_sid(1), call_sid(number), "completed"))
    keys = broker.subjects.listed_keys
    stored = await read_history(broker.client, f"KV_{broker.subjects.bucket}", keys)
    assert [message.subject.split(".")[2] for message in stored] == ["pod"]
    await broker.flush()
    assert set(broker.registry._view._revisions) == {f"pod.{broker.settings.instance}"}


async def test_it_goes_by_itself(connect, monkeypatch):
    monkeypatch.setattr("broker.statuses.STATUS_SECONDS", 1)
    broker = await connect()
    heard: list[CallStatus] = []
    with broker.statuses.watch(CALL.call_sid, heard.append):
        await broker.statuses.put(CALL)
        asked = broker.statuses.of
        while await asked(CALL.call_sid, CALL.account_sid) is not None:
            pass
        await broker.flush()
    assert set(heard) == {CALL}  # nothing of the key that has expired


async def test_while_nats_is_away_the_owner_hears_of_it_here_and_others_are_told_to_try_again():
    settings = BrokerSettings(servers=("nats://127.0.0.1:1",), instance="i1")
    async with Broker(settings) as broker:
        heard: list[CallStatus] = []
        with broker.statuses.watch(CALL.call_sid, heard.append):
            await broker.statuses.put(CALL)
        assert heard == [CALL]
        with pytest.raises(NotWritten):
            await broker.statuses.put(CALL)
        with pytest.raises(HistoryUnavailable):
            await broker.statuses.of(CALL.call_sid, CALL.account_sid)
