"""broker/writer.py and broker/follow.py, against a real server."""

import asyncio
import itertools
import json
import random
import time

import pytest
from support.brokers import ENDED, kill_server, read_all
from support.sids import call_sid
from support.timing import PATIENCE, patience, until

from broker.broker import Broker
from broker.errors import Fenced
from broker.observer import Observer
from broker.outbox import CAPACITY
from broker.records import Record
from broker.server.embedded import EmbeddedServer
from broker.settings import BrokerSettings


def records(messages):
    return [message for message in messages if "seq" in message]


async def test_records_are_numbered_from_one_and_kept_as_they_were_published(
    broker, facts, make_final
):
    call = facts()
    writer = broker.writer(call, "i1-1")
    for record in (make_final(1), make_final(2, "outbound"), ENDED):
        writer.put(record)
    writer.finish()
    await writer.run()
    got = await read_all(broker, call.call_sid)
    assert [message["seq"] for message in got] == [1, 2, 3, 4]
    assert [message["type"] for message in got] == [
        "CallStarted",
        "Results",
        "Results",
        "CallEnded",
    ]
    assert {message["epoch"] for message in got} == {"i1-1"}
    assert {message["callSid"] for message in got} == {call.call_sid}
    assert got[0]["startedAt"] == call.started_at
    assert list(got[1])[:7] == ["type", "v", "callSid", "seq", "epoch", "track", "at"]
    assert got[3]["words"] == 4
    assert (writer.acked, writer.depth) == (4, 0)


async def test_followers_share_one_subscription_and_the_last_closes_it(broker, facts, make_final):
    call = facts()
    writer = broker.writer(call, "i1-1")
    running = asyncio.create_task(writer.run())
    await writer.claimed.wait()
    readings = [asyncio.create_task(read_all(broker, call.call_sid)) for _ in range(50)]
    for number in range(20):
        writer.put(make_final(number))
        await asyncio.sleep(0)
    await until(lambda: len(broker.replicas) == 1)
    writer.put(ENDED)
    writer.finish()
    results = await asyncio.gather(*readings)
    await running
    assert all(result == results[0] for result in results)
    assert [message["seq"] for message in results[0]] == list(range(1, 23))
    assert len(broker.replicas) == 0


@pytest.mark.proof
async def test_whenever_a_follower_joins_it_gets_each_record_once(
    rounds, broker, facts, make_final
):
    for seed in rounds(sample=5, full=200):
        source = random.Random(seed)
        call = facts()
        writer = broker.writer(call, "i1-1")
        running = asyncio.create_task(writer.run())

        async def join(call=call, source=source):
            await asyncio.sleep(source.uniform(0, 0.15))
            since = source.randrange(5)
            return since, await read_all(broker, call.call_sid, since)

        joining = [asyncio.create_task(join()) for _ in range(20)]
        for number in range(50):
            writer.put(make_final(number))
            await asyncio.sleep(source.uniform(0, 0.005))
        writer.put(ENDED)
        writer.finish()
        await running
        for since, got in await asyncio.gather(*joining):
            assert [message["seq"] for message in got] == list(range(since + 1, 53))


async def test_a_later_claim_goes_on_and_the_older_writer_is_refused(connect, facts, make_final):
    one, other = await connect(), await connect()
    call = facts()
    older, newer = one.writer(call, "i1-1"), other.writer(call, "i2-1")
    running = asyncio.create_task(older.run())
    older.put(make_final(1))
    await older.claimed.wait()
    await until(lambda: older.depth == 0)
    resuming = asyncio.create_task(newer.run())
    await newer.claimed.wait()
    assert newer.claim is not None
    assert newer.started_at == call.started_at
    assert newer.published_ends == {"inbound": 2.0}
    older.put(make_final(2))
    with pytest.raises(Fenced):
        await running
    newer.put(make_final(3))
    newer.put(ENDED)
    newer.finish()
    await resuming
    got = await read_all(one, call.call_sid)
    assert [(message["seq"], message["type"], message["epoch"]) for message in got] == [
        (1, "CallStarted", "i1-1"),
        (2, "Results", "i1-1"),
        (3, "CallResumed", "i2-1"),
        (4, "Results", "i2-1"),
        (5, "CallEnded", "i2-1"),
    ]


async def test_interims_are_newest_wins_and_never_kept(broker, facts, make_final):
    call = facts()
    writer = broker.writer(call, "i1-1")
    running = asyncio.create_task(writer.run())
    seen: list[dict] = []

    async def follow():
        async with broker.replicas.follow(call.call_sid) as follower:
            async for item in follower:
                seen.append(json.loads(item.payload))  # noqa: PERF401  watched as it grows

    following = asyncio.create_task(follow())
    await writer.claimed.wait()
    await until(lambda: seen)
    for text in ("a", "b", "c"):
        writer.interim("inbound", {"type": "Results", "start": 5.0, "is_final": False, "t": text})
    await until(lambda: len(seen) == 2)
    assert (seen[1]["t"], seen[1]["after"], seen[1]["epoch"]) == ("c", 1, "i1-1")
    assert "seq" not in seen[1]
    writer.put(make_final(5))
    writer.interim("inbound", {"type": "Results", "start": 5.0, "is_final": False, "t": "stale"})
    writer.put(ENDED)
    writer.finish()
    await asyncio.gather(running, following)
    assert [message for message in seen if message.get("t") == "stale"] == []
    whole = await read_all(broker, call.call_sid)
    assert records(whole) == whole
    assert await read_all(broker, call.call_sid, interim=False) == whole


@pytest.mark.proof
async def test_records_survive_a_server_that_is_killed(rounds, tmp_path, facts, make_final):
    for seed in rounds(sample=1, full=20):
        source = random.Random(seed)
        store = tmp_path / str(seed)
        async with EmbeddedServer(str(store)) as first:
            port = int(first.url.rpartition(":")[2])
            settings = BrokerSettings(servers=(first.url,), instance="i1")
            async with Broker(settings) as broker:
                await broker.wait_ready()
                call = facts()
                writer = broker.writer(call, "i1-1")
                running = asyncio.create_task(writer.run())
                await writer.claimed.wait()
                staying = asyncio.create_task(read_all(broker, call.call_sid))
                killed_after = source.randrange(10, 90)
                second = EmbeddedServer(str(store), port=port)
                for number in range(100):
                    writer.put(make_final(number))
                    await asyncio.sleep(0.002)
                    if number == killed_after:
                        await kill_server(first)
                        restarting = asyncio.create_task(second.__aenter__())
                writer.put(ENDED)
                writer.finish()
                try:
                    await restarting
                    async with patience():
                        await running
                        stayed = await staying
                    late = await read_all(broker, call.call_sid)
                finally:
                    await broker.__aexit__()
                    await second.__aexit__()
        assert [message["seq"] for message in stayed] == list(range(1, 103))
        assert late == stayed


async def test_a_call_is_put_while_nats_is_away_and_published_when_it_comes(
    tmp_path, facts, make_final
):
    async with EmbeddedServer(str(tmp_path)) as server:
        port = int(server.url.rpartition(":")[2])
    settings = BrokerSettings(servers=(f"nats://127.0.0.1:{port}",), instance="i1")
    async with Broker(settings) as broker:
        writer = broker.writer(facts(), "i1-1")
        running = asyncio.create_task(writer.run())
        writer.put(make_final(1))
        writer.put(ENDED)
        writer.finish()
        assert not broker.ready
        assert writer.depth == 2
        async with EmbeddedServer(str(tmp_path), port=port), patience():
            await running
            got = await read_all(broker, writer.call.call_sid)
    assert [message["seq"] for message in got] == [1, 2, 3]


async def test_what_is_stored_is_told_once_and_what_waits_for_it_is_known_by_its_age(
    tmp_path, facts, make_final
):
    """Also a gap in the place of finals that an outbox could not keep."""
    stored: list[Record] = []
    async with EmbeddedServer(str(tmp_path)) as server:
        port = int(server.url.rpartition(":")[2])
    settings = BrokerSettings(servers=(f"nats://127.0.0.1:{port}",), instance="i1")

    class Storing(Observer):
        def note_stored(self, record: Record) -> None:
            stored.append(record)

    async with Broker(settings, observer=Storing()) as broker:
        writer = broker.writer(facts(), "i1-1")
        running = asyncio.create_task(writer.run())
        assert writer.stuck_seconds == 0
        for number in range(CAPACITY + 1):
            writer.put(make_final(number))
        await until(lambda: writer.stuck_seconds > 0)
        writer.finish()
        assert not stored
        async with EmbeddedServer(str(tmp_path), port=port), patience():
            await running
    assert writer.stuck_seconds == 0
    kinds = [record.type for record in stored]
    assert (kinds[:2], len(kinds)) == (["CallStarted", "Gap"], 2 + CAPACITY // 2 + 1)
    assert set(kinds[2:]) == {"Results"}


async def test_how_old_a_record_is_when_it_is_written_to_its_readers_is_told(
    server, facts, make_final
):
    """Once for all of them; of what was kept nothing is: it was read when somebody came."""
    told: list[float] = []
    settings = BrokerSettings(servers=(server.url,), instance="i1")

    class Delivered(Observer):
        def note_delivered(self, published_at: float, traceparent: str | None) -> None:
            told.append(time.time() - published_at)

    async with Broker(settings, observer=Delivered()) as broker:
        writer = broker.writer(facts(), "i1-1")
        running = asyncio.create_task(writer.run())
        await writer.claimed.wait()
        readings = [asyncio.create_task(read_all(broker, writer.call.call_sid)) for _ in range(3)]
        await until(lambda: len(broker.replicas) == 1)
        (replica,) = broker.replicas._replicas.values()
        await replica.synced()
        for record in (make_final(1), make_final(2), ENDED):
            writer.put(record)
        writer.finish()
        async with patience():
            await asyncio.gather(running, *readings)
        await until(lambda: len(told) == 3)
    assert [seconds for seconds in told if not 0 <= seconds < PATIENCE] == []


async def test_without_the_past_an_ended_call_still_says_that_it_has_ended(
    broker, facts, make_final
):
    writer = broker.writer(facts(), "i1-1")
    writer.put(make_final(1))
    writer.put(ENDED)
    writer.finish()
    await writer.run()
    got = await read_all(broker, writer.call.call_sid, since=None)
    assert [message["type"] for message in got] == ["CallEnded"]


async def test_a_server_that_lost_its_disk_loses_what_it_had_and_no_more(
    tmp_path, facts, make_final
):
    call = facts()
    async with EmbeddedServer(directory=str(tmp_path / "one")) as server:
        port = int(server.url.rpartition(":")[2])
        broker = Broker(BrokerSettings(servers=(server.url,), instance="i1"))
        await broker.__aenter__()
        writer = broker.writer(call, broker.next_epoch())
        running = asyncio.create_task(writer.run())
        async with broker.replicas.follow(call.call_sid) as follower:
            reading = asyncio.create_task(anext(follower))
            for number in range(3):
                writer.put(make_final(number))
            async with patience():
                await reading
                await until(lambda: writer.depth == 0)
            await server.__aexit__()
            async with EmbeddedServer(directory=str(tmp_path / "two"), port=port):
                for number in range(3, 6):
                    writer.put(make_final(number))
                writer.put(ENDED)
                writer.finish()
                async with patience():
                    await running
                    stayed = [json.loads(item.payload)["seq"] async for item in follower]
                    async with Broker(BrokerSettings(servers=(server.url,), instance="i2")) as new:
                        late = await read_all(new, call.call_sid)
                await broker.__aexit__()
    assert stayed == list(range(2, 9))
    assert [message["seq"] for message in late] == [5, 6, 7, 8]


@pytest.mark.proof
async def test_of_two_writers_the_older_is_refused_from_the_moment_the_newer_has_begun(
    rounds, connect, facts, make_final
):
    """Random interleavings: ``seq`` stays dense, and nothing of the older follows the newer."""
    older_broker, newer_broker = await connect(), await connect()
    for seed in rounds(sample=30, full=1000):
        source = random.Random(seed)
        call = facts()
        older = older_broker.writer(call, older_broker.next_epoch())
        newer = newer_broker.writer(call, newer_broker.next_epoch())
        older_running = asyncio.create_task(older.run())
        await older.claimed.wait()

        async def write_until_refused(older=older, running=older_running, seed=seed):
            pauses = random.Random(f"{seed} older")
            for number in itertools.count():
                if running.done():
                    return
                older.put(make_final(number))
                # Faster than anybody speaks, and slow enough for a claim to come in between: it is
                # refused, and reads anew, whenever a record comes between its look and its word.
                # Now and then it is silent for so long that a slow machine comes to claim, too.
                await asyncio.sleep(pauses.choice([0.002, 0.005, 0.01, 0.02] * 5 + [0.25]))

        writing = asyncio.create_task(write_until_refused())
        await asyncio.sleep(source.uniform(0, 0.02))
        newer_running = asyncio.create_task(newer.run())
        for number in range(20):
            newer.put(make_final(100 + number))
            if source.random() < 0.7:
                await asyncio.sleep(source.choice([0, 0, 0.0005, 0.002]))
        newer.put(ENDED)
        newer.finish()
        async with patience():
            await newer_running
            with pytest.raises(Fenced):
                await older_running
            await writing
        got = await read_all(newer_broker, call.call_sid)
        assert [record["seq"] for record in got] == list(range(1, len(got) + 1)), f"seed {seed}"
        epochs = [record["epoch"] for record in got]
        first = epochs.index(newer.epoch)
        assert set(epochs[:first]) == {older.epoch}, f"seed {seed}"
        assert set(epochs[first:]) == {newer.epoch}, f"seed {seed}"
        assert got[first]["type"] == "CallResumed", f"seed {seed}"
        ours = [record["start"] for record in got[first:] if record["type"] == "Results"]
        assert ours == [float(100 + number) for number in range(20)], f"seed {seed}"


async def test_a_thousand_followers_of_a_hundred_calls_are_a_hundred_subscriptions(
    broker, facts, make_final
):
    calls = [facts() for _ in range(100)]
    writers = [broker.writer(call, broker.next_epoch()) for call in calls]
    running = [asyncio.create_task(writer.run()) for writer in writers]
    reading = [
        asyncio.create_task(read_all(broker, call.call_sid)) for call in calls for _ in range(10)
    ]
    async with patience():
        await until(lambda: len(broker.replicas) == 100)
        for writer in writers:
            await writer.claimed.wait()
        replicas = {id(one._subscription) for one in broker.replicas._replicas.values()}
        assert len(replicas) == 100
        for number in range(5):
            for writer in writers:
                writer.put(make_final(number))
        for writer in writers:
            writer.put(ENDED)
            writer.finish()
        results = await asyncio.gather(*reading)
        await asyncio.gather(*running)
    assert [[m["seq"] for m in result] for result in results] == [list(range(1, 8))] * 1000
    assert len(broker.replicas) == 0


async def test_a_follower_that_is_cancelled_while_it_leaves_leaves_nothing(broker):
    def subscribed() -> bool:
        return any(call_sid(1) in sub.subject for sub in broker.client._subs.values())

    async def come() -> None:
        async with broker.replicas.follow(call_sid(1)) as follower:
            await follower.synced()
            await asyncio.Event().wait()

    for turns in range(6):
        coming = asyncio.create_task(come())
        await until(subscribed)
        coming.cancel()
        for _ in range(turns):
            await asyncio.sleep(0)
        coming.cancel()
        await asyncio.wait({coming})
        await until(lambda: not subscribed())
        assert len(broker.replicas) == 0


async def test_followers_that_leave_at_once_do_not_cost_the_connection(broker):
    """Each leaves at another moment of its beginning; the client survives all of them."""

    async def come(sid: str) -> None:
        async with broker.replicas.follow(sid) as follower:
            await follower.synced()

    async with patience():
        for turns in range(60):
            coming = [asyncio.create_task(come(call_sid(n))) for n in range(20)]
            for _ in range(turns):
                await asyncio.sleep(0)
            for task in coming:
                task.cancel()
            await asyncio.wait(coming)
    await broker.flush()
    assert broker.connected
    assert broker.client.stats["reconnects"] == 0
    assert len(broker.replicas) == 0


async def test_who_has_left_a_call_holds_no_record_of_it(broker, facts):
    """It may stay in memory for long, by an exception that has seen it."""
    call = facts()
    writer = broker.writer(call, "i1-1")
    running = asyncio.create_task(writer.run())
    await writer.claimed.wait()
    async with broker.replicas.follow(call.call_sid) as follower:
        await follower.synced()
        await until(lambda: follower.so_far)
    assert follower.so_far == []
    assert follower.last == 1
    writer.put(ENDED)
    writer.finish()
    await running
