"""broker/room.py: a stream that is too small is told of, on a real server."""

import nats
from structlog.testing import capture_logs

# What is stored beyond it drops the oldest records; the retention is three days.
MEGABYTES = 16
PIECE = b"x" * 60_000


async def fill(client) -> None:
    """Store more than the stream may hold."""
    js = client.jetstream()
    for number in range(MEGABYTES * 2**20 // len(PIECE) + 20):
        await js.publish(f"ingest.transcripts.AC1.CA{number}.event.call", PIECE)


async def test_a_stream_that_drops_records_is_told_of_once_and_measured(connect):
    first = await connect(max_bytes=MEGABYTES << 20)
    assert not first.room.full
    assert first.room.kept == first.settings.retention
    await fill(first.client)
    with capture_logs() as logs:
        await first.room.look(first.client)
        await first.room.look(first.client)
    [told] = [line for line in logs if line["event"] == "transcripts go before their time"]
    assert told["log_level"] == "warning"
    assert f"TRANSCRIPTS holds {MEGABYTES} of {MEGABYTES} MB" in told["what"]
    assert first.room.full
    assert first.room.kept < 3600
    assert first.room.subjects > 200


async def test_it_is_said_at_the_start_of_a_process(connect):
    await fill((await connect(max_bytes=MEGABYTES << 20)).client)
    with capture_logs() as logs:
        await connect()
    assert "transcripts go before their time" in [line["event"] for line in logs]


async def test_what_nats_does_not_say_stays_as_it_was(server, connect):
    broker = await connect()
    known = dict(broker.room._streams)
    client = await nats.connect(server.url)
    await client.close()
    await broker.room.look(client)
    assert broker.room._streams == known
    await broker.js.delete_stream(broker.subjects.streams[0])
    await broker.room.look(broker.client)
    assert broker.room._streams == known
