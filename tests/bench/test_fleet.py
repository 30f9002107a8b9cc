"""bench/fleet: what its load says is what the service says, and what it tells of a call is so."""

import time

import nats
import pytest
from support.servers import nats_server
from support.timing import until

from bench.fleet import load, rates
from bench.fleet.trace import Message, Trace
from bench.fleet.trace import load as load_trace
from bench.fleet.wire import Wire
from broker.provision import provision
from broker.settings import BrokerSettings
from broker.stream import read_history
from broker.subjects import Subjects

SUBJECTS = Subjects()
NEVER = load.Times(0, 0, 0, 0)
STARTED, FINAL = Message(0.0, "event", "call", 300), Message(4.0, "final", "inbound", 1100)
INTERIM = Message(1.0, "interim", "inbound", 500)


@pytest.fixture
async def url(tmp_path):
    with nats_server(tmp_path, "-js", "-sd", str(tmp_path), "-a", "127.0.0.1", "-p", "-1") as port:
        yield f"nats://127.0.0.1:{port}"


@pytest.fixture
async def client(url):
    connected = await nats.connect(url)
    await provision(connected, SUBJECTS, BrokerSettings(servers=(url,), instance="i1"))
    yield connected
    await connected.close()


def test_a_trace_is_read_as_it_was_written():
    trace = Trace(12.5, (STARTED, INTERIM, FINAL), 3)
    assert load_trace(trace.dump()) == trace
    assert trace.count("final", "event") == 2
    assert trace.size("final", "event") == 700


def test_the_trace_that_calls_play_is_a_whole_call():
    trace = load_trace(rates.TRACE.read_text())
    assert trace.messages[0].kind == trace.messages[-1].kind == "event"
    assert [message.at for message in trace.messages] == sorted(m.at for m in trace.messages)
    told = rates.summary(trace)
    assert told["records_a_second"] == pytest.approx(0.39, abs=0.01)
    assert told["interims_a_second"] == pytest.approx(2.9, abs=0.01)


async def test_the_load_stores_records_as_the_service_does(url, client):
    writers = load.Writers(range(1), [url], NEVER)
    [container] = writers.containers
    call = container.calls[0]
    await container.wire.connect()
    for message in (STARTED, FINAL, FINAL):
        container.put(call, message)
    await until(lambda: call.acked == 3)
    container.wire.close()
    stored = await read_history(client, SUBJECTS.streams[0], SUBJECTS.live)
    assert [record.headers["Call-Seq"] for record in stored] == ["1", "2", "3"]
    assert [len(record.data) for record in stored] == [300, 1100, 1100]
    assert [SUBJECTS.parse(record.subject).kind for record in stored] == ["event", "final", "final"]
    assert writers.refused == writers.unanswered == 0


async def test_a_record_that_was_stored_though_its_answer_was_lost_is_not_stored_twice(url, client):
    writers = load.Writers(range(1), [url], NEVER)
    [container] = writers.containers
    call = container.calls[0]
    await container.wire.connect()
    container.put(call, STARTED)
    container.send(call)  # the server refuses it: what is expected before it is not the last
    await until(lambda: call.acked == 1)
    container.put(call, FINAL)
    await until(lambda: call.acked == 2)
    container.wire.close()
    stored = await read_history(client, SUBJECTS.streams[0], SUBJECTS.live)
    assert [record.headers["Call-Seq"] for record in stored] == ["1", "2"]


async def test_readers_take_what_comes_live_and_know_what_comes_twice(url, client):
    readers = load.Readers(range(1), [url], load.Times(0, 0, time.monotonic() + 60, 0))
    [wire] = readers.wires
    await wire.connect()
    writers = load.Writers(range(1), [url], NEVER)
    [container] = writers.containers
    await container.wire.connect()
    container.put(container.calls[0], STARTED)
    container.put(container.calls[0], INTERIM)
    await until(lambda: readers.got and readers.interims)
    assert readers.got == {load.call_sid(0).encode(): {1}}
    assert 0 < readers.delays[0] < 60
    head = b"NATS/1.0\r\nCall-Seq: 1\r\n\r\n"
    readers.take(SUBJECTS.call(load.call_sid(0))[:-1].encode(), head, load.payload(STARTED, 0))
    assert readers.doubled == 1
    for each in (wire, container.wire):
        each.close()


async def test_what_comes_in_pieces_is_put_together(url):
    taken = []
    wire = Wire([url], ["a.>"], lambda *message: taken.append(message))
    await wire.connect()
    said = b"HMSG a.b 1 12 14\r\nNATS/1.0\r\n\r\nhi\r\nMSG a.c 1 0\r\n\r\nMSG a.d 1 4\r\nx\r\ny\r\n"
    for at in range(len(said)):
        wire.data_received(said[at : at + 1])
    wire.close()
    assert taken == [
        (b"a.b", b"NATS/1.0\r\n\r\n", b"hi"),
        (b"a.c", b"", b""),
        (b"a.d", b"", b"x\r\ny"),
    ]
