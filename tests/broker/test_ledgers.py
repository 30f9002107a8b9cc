"""broker/ledgers.py and broker/forwarder.py: who works writes, who was replaced is refused."""

import time

import msgspec
import pytest
from support.brokers import ENDED
from support.forwarders import write
from support.sids import call_sid
from support.timing import patience, until

from broker.broker import Broker
from broker.errors import HistoryUnavailable, NotWritten, Replaced
from broker.forwarder import ForwardBroker
from broker.ledger import Place, begun
from broker.settings import BrokerSettings
from broker.stream import last_stored
from handler.forward.worker import BATCH, MOST_WAITING

STREAM = "TRANSCRIPTS"


@pytest.fixture
async def open_one(server, broker: Broker):
    """Open what a forwarder of that name has of NATS; the service has made the stream."""
    opened = []

    async def open_broker(instance: str, name: str = "main") -> ForwardBroker:
        settings = BrokerSettings(servers=(server.url,), instance=instance)
        one = await ForwardBroker(settings, name).__aenter__()
        opened.append(one)
        async with patience():
            await one.wait_ready()
        return one

    yield open_broker
    for one in opened:
        await one.__aexit__()


async def test_who_begins_is_the_owner_and_who_was_it_is_refused(open_one):
    older, newer = (await open_one("i1")).ledger(STREAM), (await open_one("i2")).ledger(STREAM)
    ledger = begun("c", 1, 9, None)
    assert await older.look() is None
    await older.write(ledger)
    found = await newer.look()
    assert (found.owner, found.seen) == ("i1", 0)
    await newer.write(ledger)
    with pytest.raises(Replaced):
        await older.write(ledger)
    assert (await newer.look()).owner == "i2"
    await newer.leave(ledger)
    assert (await older.look()).owner == ""


async def test_a_write_whose_answer_was_lost_is_known_as_ones_own(open_one):
    kept, ledger = (await open_one("i1")).ledger(STREAM), begun("c", 1, 9, None)
    await kept.write(ledger)
    before = kept.revision
    await kept.write(ledger)
    kept.revision = before  # as if nothing had come back
    with pytest.raises(NotWritten):
        await kept.write(ledger)
    await kept.write(ledger)


async def test_as_many_calls_as_may_wait_fit_into_one_message(open_one):
    """Each with numbers as large as they get; what is read at once may come on top."""
    far = Place(due=999_999_999, after=10**12, newest=999_999_999)
    behind = {call_sid(number): far for number in range(MOST_WAITING + BATCH)}
    kept = (await open_one("i1")).ledger(STREAM)
    await kept.write(msgspec.structs.replace(begun("c", 1, 9, None), behind=behind))
    assert (await kept.look()).behind == behind


async def test_forwarders_of_different_names_have_ledgers_of_their_own(open_one):
    one, other = await open_one("i1"), await open_one("i2", "other")
    await one.ledger(STREAM).write(begun("c", 1, 9, None))
    assert await other.ledger(STREAM).look() is None


async def test_without_nats_nothing_is_known_nor_written(server, open_one):
    broker = await open_one("i1")
    kept = broker.ledger(STREAM)
    await broker.__aexit__()
    with pytest.raises(HistoryUnavailable):
        await kept.look()
    with pytest.raises(NotWritten):
        await kept.write(begun("c", 1, 9, None))
    for ask in (
        broker.state(STREAM),
        broker.after(STREAM, 0, 1),
        broker.give_up(call_sid(1), 1, 1, "refused", "HTTP 422"),
    ):
        with pytest.raises(HistoryUnavailable):
            await ask


async def test_a_dead_letter_tells_of_all_that_was_given_up_and_of_nothing_twice(open_one, broker):
    one = await open_one("i1")
    for first, last in ((2, 3), (2, 3), (7, 7)):
        await one.give_up(call_sid(1), first, last, "refused", "HTTP 422")
    subject = broker.subjects.given_up_key("main", call_sid(1))
    stream = f"KV_{broker.subjects.forward_bucket}"
    newest = await last_stored(broker.client, stream, subject)
    letter = msgspec.json.decode(newest.data)
    assert (letter["first"], letter["last"], letter["records"]) == (2, 7, 3)
    assert int(newest.headers["Nats-TTL"].removesuffix("s")) == 72 * 3600


async def test_without_the_streams_of_the_service_it_waits_and_says_what_to_do(server):
    async with ForwardBroker(BrokerSettings(servers=(server.url,), instance="i1"), "main") as one:
        await until(lambda: one.problem is not None)
        assert one.problem is not None
    assert "stream TRANSCRIPTS is missing: start the service" in one.problem


async def test_one_that_begins_at_a_time_begins_with_the_first_record_since(
    open_one, broker, facts
):
    one = await open_one("i1")
    await write(broker, facts(), ENDED)
    then = time.time()
    await write(broker, facts(), ENDED)
    places = [(await one.begin(STREAM, since)).seen for since in (None, then, then + 3600)]
    assert places == [0, 2, 4]
    found = await one.after(STREAM, 2, 1)
    assert [record.sequence for record in found] == [3]
