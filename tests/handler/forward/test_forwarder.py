"""Calls on their way to a webhook: real servers, real sockets, receivers that misbehave."""

import asyncio
import random
import time
from collections import Counter

import pytest
from structlog.testing import capture_logs
from support.brokers import ENDED, kill_server
from support.forwarders import environ, forwarding, given_up, stored, write
from support.receivers import CUT, FLOOD, HALF, SILENT, Receiver
from support.timing import until

from broker.provision import provision
from broker.server.embedded import EmbeddedServer
from handler.forward import worker
from handler.forward.forwarder import rewind
from handler.forward.settings import ForwardSettings


async def test_each_record_comes_signed_and_in_order_as_it_was_stored(
    server, broker, receiver, facts, make_final
):
    call = facts()
    await write(broker, call, make_final(1), make_final(2), ENDED)
    async with forwarding(server.url, receiver.url) as forwarder:
        await until(lambda: receiver.seqs(call.call_sid) == [1, 2, 3, 4])
        live = facts()
        await write(broker, live, make_final(1), ENDED)
        await until(lambda: receiver.seqs(live.call_sid) == [1, 2, 3])
        await until(lambda: forwarder.counts.sent == 7)
    for one in (call, live):
        assert receiver.bodies(one.call_sid) == await stored(broker, one.call_sid)
    assert receiver.came[0].headers["content-type"] == "application/json"
    assert receiver.came[0].name == f"{call.call_sid}:1"


async def test_a_call_is_longer_than_what_is_at_hand(server, broker, receiver, facts, make_final):
    call = facts()
    await write(broker, call, *(make_final(number) for number in range(100)), ENDED)
    async with forwarding(server.url, receiver.url):
        await until(lambda: len(receiver.seqs(call.call_sid)) == 102)
    assert receiver.bodies(call.call_sid) == await stored(broker, call.call_sid)


@pytest.mark.parametrize("answer", [500, CUT, HALF, SILENT])
async def test_a_call_that_is_not_taken_holds_up_no_other_and_comes_in_order_once_it_is(
    server, broker, receiver, facts, make_final, answer
):
    bad, good = facts(), facts()
    refused = True
    receiver.answer = lambda one: answer if one.call_sid == bad.call_sid and refused else 200
    async with forwarding(server.url, receiver.url, FORWARD_TIMEOUT="0.2") as forwarder:
        await write(broker, bad, make_final(1), make_final(2), ENDED)
        await until(lambda: forwarder.counts.failed >= 2)
        await write(broker, good, make_final(1), ENDED)
        await until(lambda: receiver.seqs(good.call_sid) == [1, 2, 3])
        assert {one.name for one in receiver.came if one.call_sid == bad.call_sid} == {
            f"{bad.call_sid}:1"
        }
        assert forwarder.counts.waiting() >= 1
        refused = False
        receiver.release()
        await until(lambda: receiver.seqs(bad.call_sid) == [1, 2, 3, 4])
        await until(lambda: forwarder.counts.waiting() == 0)
    assert receiver.bodies(bad.call_sid) == await stored(broker, bad.call_sid)


async def test_more_silent_calls_than_places_hold_up_no_call_that_is_taken(
    server, broker, receiver, facts, make_final
):
    silent, good = [facts() for _ in range(6)], facts()
    refused: set[str] = set()

    def answer(one):
        if one.call_sid == good.call_sid:
            return 200
        if one.call_sid in refused:
            return SILENT
        refused.add(one.call_sid)
        return 500

    receiver.answer = answer
    settings = {"FORWARD_CONNECTIONS": "2", "FORWARD_TIMEOUT": "120"}
    async with forwarding(server.url, receiver.url, **settings) as forwarder:
        for call in silent:
            await write(broker, call, ENDED)
        await until(lambda: forwarder.counts.failed == len(silent))
        await until(lambda: len(receiver.came) > len(silent))  # one has a place, and keeps it
        await write(broker, good, *(make_final(number) for number in range(10)), ENDED)
        await until(lambda: len(receiver.seqs(good.call_sid)) == 12)
        assert len(receiver.came) == len(silent) + 1 + 12
        assert forwarder.counts.failed == len(silent)
        receiver.release()


async def test_a_receiver_is_left_alone_as_long_as_it_asks(server, broker, receiver, facts):
    asked: list[float] = []

    def answer(_):
        asked.append(time.monotonic())
        return (503, "retry-after: 1\r\n") if len(asked) == 1 else 200

    receiver.answer = answer
    async with forwarding(server.url, receiver.url):
        await write(broker, facts(), ENDED)
        await until(lambda: len(asked) == 3)
    assert asked[1] - asked[0] >= 1.0


async def test_of_an_answer_no_more_is_read_than_its_beginning(server, broker, receiver, facts):
    receiver.answer = lambda _: FLOOD
    async with forwarding(server.url, receiver.url) as forwarder:
        await write(broker, facts(), ENDED)
        await until(lambda: forwarder.counts.sent == 2)
    assert len(receiver.came) == 2


async def test_nobody_is_followed_elsewhere(server, broker, receiver, facts):
    async with Receiver() as elsewhere:
        receiver.answer = lambda _: (307, f"location: {elsewhere.url}\r\n")
        async with forwarding(server.url, receiver.url) as forwarder:
            await write(broker, facts(), ENDED)
            await until(lambda: forwarder.counts.failed >= 2)
    assert elsewhere.came == []


async def test_a_record_that_is_refused_for_good_is_a_dead_letter_and_the_next_one_follows(
    server, broker, receiver, facts, make_final
):
    call = facts()
    receiver.answer = lambda one: 422 if one.name.endswith((":2", ":3")) else 200
    async with forwarding(server.url, receiver.url) as forwarder:
        await write(broker, call, make_final(1), make_final(2), ENDED)
        await until(lambda: receiver.seqs(call.call_sid) == [1, 4])
        assert forwarder.counts.given_up == {"expired": 0, "refused": 2, "gone": 0}
    (letter,) = await given_up(broker, "main")
    assert (letter["first"], letter["last"], letter["records"]) == (2, 3, 2)
    assert (letter["reason"], letter["detail"]) == ("refused", "HTTP 422")


async def test_a_call_that_nobody_wants_is_given_up_and_no_other(
    server, broker, receiver, facts, make_final
):
    gone, other = facts(), facts()
    receiver.answer = lambda one: 410 if one.name == f"{gone.call_sid}:2" else 200
    async with forwarding(server.url, receiver.url) as forwarder:
        await write(broker, gone, make_final(1), make_final(2), ENDED)
        await write(broker, other, ENDED)
        await until(lambda: receiver.seqs(other.call_sid) == [1, 2])
        await until(lambda: forwarder.counts.given_up["gone"] == 3)
    asked = Counter(one.call_sid for one in receiver.came)
    assert asked == {gone.call_sid: 2, other.call_sid: 2}
    (letter,) = await given_up(broker, "main")
    assert (letter["callSid"], letter["first"], letter["last"]) == (gone.call_sid, 2, 4)


async def test_what_the_stream_no_longer_keeps_is_given_up_and_counted(
    server, broker, receiver, facts, make_final
):
    call, refused = facts(), True
    receiver.answer = lambda _: 500 if refused else 200
    async with forwarding(server.url, receiver.url) as forwarder:
        await write(broker, call, make_final(1), make_final(2), ENDED)
        await until(lambda: forwarder.counts.failed >= 1)
        await broker.js.purge_stream("TRANSCRIPTS", seq=4)  # all but the last
        await until(lambda: forwarder.counts.given_up["expired"] == 3)
        refused = False
        await until(lambda: receiver.seqs(call.call_sid) == [4])
    (letter,) = await given_up(broker, "main")
    assert (letter["first"], letter["last"], letter["reason"]) == (1, 3, "expired")


async def test_a_call_of_which_all_that_is_due_has_expired_is_given_up_and_goes_on(
    server, broker, receiver, facts, make_final
):
    call, refused = facts(), True
    receiver.answer = lambda one: 500 if refused and not one.name.endswith(":1") else 200
    async with forwarding(server.url, receiver.url) as forwarder:
        await write(broker, call, make_final(1), make_final(2), ENDED)
        await until(lambda: forwarder.counts.failed >= 1)
        await broker.js.purge_stream("TRANSCRIPTS", subject=broker.subjects.call(call.call_sid))
        await until(lambda: forwarder.counts.given_up["expired"] == 3)
        await until(lambda: forwarder.counts.waiting() == 0)
        refused = False
        await write(broker, call, ENDED)
        await until(lambda: forwarder.counts.sent == 3)
    (letter,) = await given_up(broker, "main")
    assert (letter["first"], letter["last"], letter["records"]) == (2, 4, 3)


async def test_a_call_whose_rest_expired_while_nobody_forwarded_is_given_up(
    server, broker, receiver, facts, make_final
):
    call = facts()
    receiver.answer = lambda one: 200 if one.name.endswith(":1") else 500
    async with forwarding(server.url, receiver.url) as forwarder:
        await write(broker, call, make_final(1), make_final(2), ENDED)
        await until(lambda: forwarder.counts.failed >= 1)
    await broker.js.purge_stream("TRANSCRIPTS")
    # Whether a call was to be sent is not known without its first record: it had waited.
    async with forwarding(server.url, receiver.url, FORWARD_NUMBERS="+15550100002") as forwarder:
        await until(lambda: forwarder.counts.given_up["expired"] == 3)
    (letter,) = await given_up(broker, "main")
    assert (letter["first"], letter["last"], letter["reason"]) == (2, 4, "expired")


async def test_what_the_stream_let_go_while_nobody_forwarded_is_counted(
    server, broker, receiver, facts, make_final
):
    first, second = facts(), facts()
    await write(broker, first, ENDED)
    async with forwarding(server.url, receiver.url):
        await until(lambda: receiver.seqs(first.call_sid) == [1, 2])
    await write(broker, second, make_final(1), make_final(2), ENDED)
    await broker.js.purge_stream("TRANSCRIPTS", seq=5)
    async with forwarding(server.url, receiver.url) as forwarder:
        await until(lambda: receiver.seqs(second.call_sid) == [3, 4])
        assert forwarder.counts.given_up["expired"] == 2


async def test_one_that_begins_now_sends_a_call_that_is_under_way_from_its_first_record(
    server, broker, receiver, facts, make_final
):
    before, under_way = facts(), facts()
    await write(broker, before, make_final(1), ENDED)
    writer = broker.writer(under_way, broker.next_epoch())
    running = asyncio.create_task(writer.run())
    writer.put(make_final(1))
    await until(lambda: writer.acked == 2)
    async with forwarding(server.url, receiver.url, FORWARD_SINCE="now") as forwarder:
        await until(lambda: forwarder.counts.working() == 1)
        writer.put(make_final(2))
        await until(lambda: receiver.seqs(under_way.call_sid) == [1, 2, 3])
    # Another process knows that it was sent.
    async with forwarding(server.url, receiver.url):
        writer.put(ENDED)
        writer.finish()
        await running
        await until(lambda: receiver.seqs(under_way.call_sid) == [1, 2, 3, 4])
    assert [one.name.partition(":")[2] for one in receiver.came] == ["1", "2", "3", "4"]


async def test_the_newest_process_works_and_another_goes_on_when_it_leaves(
    server, broker, receiver, facts
):
    async with forwarding(server.url, receiver.url) as older:
        await until(lambda: older.counts.working() == 1)
        async with forwarding(server.url, receiver.url) as newer:
            await until(lambda: (older.counts.working(), newer.counts.working()) == (0, 1))
            first = facts()
            await write(broker, first, ENDED)
            await until(lambda: newer.counts.sent == 2)
        await until(lambda: older.counts.working() == 1)
        second = facts()
        await write(broker, second, ENDED)
        await until(lambda: receiver.seqs(second.call_sid) == [1, 2])
        await until(lambda: older.counts.sent == 2)
    assert len(receiver.came) == 4


async def test_two_of_other_names_forward_for_themselves(server, broker, receiver, facts):
    call = facts()
    await write(broker, call, ENDED)
    async with (
        forwarding(server.url, receiver.url) as one,
        forwarding(server.url, receiver.url, FORWARD_NAME="other") as other,
    ):
        await until(lambda: (one.counts.sent, other.counts.sent) == (2, 2))


async def test_all_is_sent_again_on_request_by_the_process_that_runs(
    server, broker, receiver, facts
):
    call = facts()
    await write(broker, call, ENDED)
    async with forwarding(server.url, receiver.url) as forwarder:
        await until(lambda: forwarder.counts.sent == 2)
        settings = ForwardSettings.from_environ(
            environ(server.url, receiver.url), host_name="another"
        )
        assert await rewind(settings, None) == {"TRANSCRIPTS": 0}
        await until(lambda: forwarder.counts.sent == 4)
    assert await rewind(settings, time.time() + 3600) == {"TRANSCRIPTS": 2}
    assert receiver.seqs(call.call_sid) == [1, 2]


async def test_who_sends_again_from_now_on_drops_nothing_that_waits(
    server, broker, receiver, facts, make_final
):
    calls, refused = [facts(), facts()], True
    receiver.answer = lambda one: 500 if refused else 200
    settings = ForwardSettings.from_environ(environ(server.url, receiver.url), host_name="another")
    for call in calls:
        await write(broker, call, make_final(1), ENDED)
    async with forwarding(server.url, receiver.url) as forwarder:
        await until(lambda: forwarder.counts.failed >= 2)
    assert await rewind(settings, time.time() + 3600) == {"TRANSCRIPTS": 6}
    refused = False
    async with forwarding(server.url, receiver.url):
        await until(lambda: all(receiver.seqs(call.call_sid) == [1, 2, 3] for call in calls))


async def test_who_sends_again_sends_calls_that_wait_from_where_they_are_or_from_the_first(
    server, broker, receiver, facts, make_final
):
    before, since = facts(), facts()
    refused = True
    receiver.answer = lambda one: 500 if refused and not one.name.endswith(":1") else 200
    await write(broker, before, make_final(1), ENDED)
    then = time.time()
    await write(broker, since, make_final(1), ENDED)
    settings = ForwardSettings.from_environ(environ(server.url, receiver.url), host_name="another")
    async with forwarding(server.url, receiver.url) as forwarder:
        await until(lambda: forwarder.counts.failed >= 4)
    assert await rewind(settings, then) == {"TRANSCRIPTS": 3}
    refused = False
    async with forwarding(server.url, receiver.url) as forwarder:
        await until(lambda: receiver.seqs(before.call_sid) == [1, 2, 3])
        await until(lambda: receiver.seqs(since.call_sid) == [1, 2, 3])
    taken = Counter(one.name for call in (before, since) for one in receiver.taken[call.call_sid])
    assert (taken[f"{before.call_sid}:1"], taken[f"{since.call_sid}:1"]) == (1, 2)
    assert forwarder.counts.given_up.total() == 0


async def test_what_is_sent_again_and_refused_again_leaves_a_letter_again(
    server, broker, receiver, facts, make_final
):
    call, bad = facts(), [":2", ":4"]
    receiver.answer = lambda one: 422 if one.name.endswith(tuple(bad)) else 200
    settings = ForwardSettings.from_environ(environ(server.url, receiver.url), host_name="another")
    async with forwarding(server.url, receiver.url) as forwarder:
        await write(broker, call, make_final(1), make_final(2), ENDED)
        await until(lambda: forwarder.counts.given_up["refused"] == 2)
    bad = [":3"]
    await rewind(settings, None)
    async with forwarding(server.url, receiver.url) as forwarder:
        await until(lambda: forwarder.counts.given_up["refused"] == 1)
    (letter,) = await given_up(broker, "main")
    assert (letter["first"], letter["last"], letter["records"]) == (3, 3, 1)


async def test_numbers_say_whose_calls_are_sent_and_nothing_of_others_is(
    server, broker, receiver, facts, make_final
):
    mine, theirs = facts(to="+15550100007"), facts()
    filtered = {"FORWARD_NUMBERS": "+15550100007"}
    async with forwarding(server.url, receiver.url, **filtered) as forwarder:
        await write(broker, theirs, make_final(1), ENDED)
        await write(broker, mine, make_final(1), ENDED)
        await until(lambda: receiver.seqs(mine.call_sid) == [1, 2, 3])
        await until(lambda: forwarder.counts.waiting() == 0)
    # Nor by a process that meets both in their middle.
    async with forwarding(server.url, receiver.url, **filtered) as forwarder:
        for call in (theirs, mine):
            await write(broker, call, ENDED)  # they go on, and end again
        await until(lambda: receiver.seqs(mine.call_sid) == [1, 2, 3, 4, 5])
        await until(lambda: forwarder.counts.waiting() == 0)
    assert {one.call_sid for one in receiver.came} == {mine.call_sid}


async def test_finals_alone_are_sent_without_events(server, broker, receiver, facts, make_final):
    call = facts()
    async with forwarding(server.url, receiver.url, FORWARD="final") as forwarder:
        await write(broker, call, make_final(1), make_final(2), ENDED)
        await until(lambda: forwarder.counts.sent == 2)
        await until(lambda: forwarder.counts.waiting() == 0)
    assert receiver.bodies(call.call_sid) == await stored(broker, call.call_sid, "Results")


async def test_of_more_calls_than_may_wait_the_rest_is_left_in_the_stream(
    server, broker, receiver, facts, make_final, monkeypatch
):
    monkeypatch.setattr(worker, "MOST_WAITING", 3)
    monkeypatch.setattr(worker, "BATCH", 1)
    monkeypatch.setattr(worker, "MEASURE_SECONDS", 0.1)
    calls, refused = [facts() for _ in range(8)], True
    receiver.answer = lambda _: 500 if refused else 200
    for call in calls:
        await write(broker, call, make_final(1), ENDED)
    with capture_logs() as lines:
        async with forwarding(server.url, receiver.url) as forwarder:
            await until(lambda: forwarder.counts.failed >= 12)
            assert forwarder.counts.waiting() == 3
            await until(lambda: forwarder.counts.unread() == 24 - 7)  # and the first of the third
            refused = False
            await until(lambda: all(receiver.seqs(call.call_sid) == [1, 2, 3] for call in calls))
            await until(lambda: forwarder.counts.unread() == 0)
    (told,) = (line for line in lines if line["event"].startswith("too many calls wait"))
    assert (told["log_level"], told["calls"]) == ("warning", 3)


async def test_nats_may_be_killed_meanwhile(tmp_path, receiver, facts, make_final, connect):
    async with EmbeddedServer(directory=str(tmp_path)) as first:
        broker, call = await connect(first.url), facts()
        async with forwarding(first.url, receiver.url) as forwarder:
            await write(broker, call, make_final(1))
            await until(lambda: forwarder.counts.sent == 2)
            await kill_server(first)
            port = int(first.url.rpartition(":")[2])
            async with EmbeddedServer(directory=str(tmp_path), port=port):
                await until(lambda: broker.connected)
                await write(broker, call, ENDED)
                await until(lambda: len(receiver.seqs(call.call_sid)) == 4)
                assert receiver.bodies(call.call_sid) == await stored(broker, call.call_sid)


async def test_of_several_streams_each_is_forwarded(server, connect, receiver, facts):
    broker = await connect(server.url, shards=2)
    calls = [facts() for _ in range(4)]
    async with forwarding(server.url, receiver.url, NATS_SHARDS="2") as forwarder:
        await until(lambda: forwarder.counts.working() == 2)
        for call in calls:
            await write(broker, call, ENDED)
        await until(lambda: all(receiver.seqs(call.call_sid) == [1, 2] for call in calls))
    assert len({broker.subjects.stream_of(call.call_sid) for call in calls}) == 2


async def test_a_stream_that_is_made_anew_meanwhile_is_forwarded_from_its_beginning(
    server, broker, receiver, facts, make_final, monkeypatch
):
    """Sequences that were seen are given to other records."""
    monkeypatch.setattr(worker, "LONGEST_LOOK", 0.1)
    lost, call = facts(), facts()
    async with forwarding(server.url, receiver.url) as forwarder:
        await write(broker, lost, make_final(1), make_final(2), ENDED)
        await until(lambda: forwarder.counts.sent == 4)
        await broker.js.delete_stream("TRANSCRIPTS")
        await provision(broker.client, broker.subjects, broker.settings)
        await write(broker, call, ENDED)
        await until(lambda: receiver.seqs(call.call_sid) == [1, 2])


async def test_what_somebody_else_has_put_into_the_stream_holds_up_nothing(
    server, broker, receiver, facts
):
    call, strange = facts(), facts()
    root = f"ingest.transcripts.{strange.account_sid}"
    for other in (f"{root}.CA1.final.inbound", f"{root}.a", f"{root}.{strange.call_sid}.x.y"):
        await broker.js.publish(other, b"\xff", headers={"Call-Seq": "x"})
    async with forwarding(server.url, receiver.url):
        await write(broker, call, ENDED)
        await until(lambda: len(receiver.came) == 2)
    assert receiver.seqs(call.call_sid) == [1, 2]


async def test_two_that_send_at_once_send_nothing_before_its_time(
    server, broker, receiver, facts, make_final, monkeypatch
):
    """As one that was replaced, and does not know it for a minute."""
    monkeypatch.setattr(worker, "WRITE_SECONDS", 60.0)
    source, calls = random.Random(20), [facts() for _ in range(5)]
    receiver.answer = lambda _: source.choice([200, 200, 500, CUT])
    async with (
        forwarding(server.url, receiver.url) as one,
        forwarding(server.url, receiver.url) as other,
    ):
        await until(lambda: one.counts.working() + other.counts.working() == 2)
        for call in calls:
            await write(broker, call, *(make_final(number) for number in range(10)), ENDED)
        await until(lambda: all(len(receiver.seqs(call.call_sid)) == 12 for call in calls))
        await until(lambda: one.counts.waiting() + other.counts.waiting() == 0)
        assert (one.counts.sent, other.counts.sent) == (60, 60)
    for call in calls:
        assert receiver.seqs(call.call_sid) == list(range(1, 13))
