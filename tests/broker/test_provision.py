"""broker/provision.py: stream and bucket as they must be, on a real server."""

import asyncio
import json
from typing import Any

import nats
import pytest
from nats.js import api
from support.timing import PATIENCE

from broker.errors import Misshapen, NotProvisioned
from broker.provision import find_stream, oldest_age, provision
from broker.settings import BrokerSettings
from broker.shape import bucket_config, stream_config
from broker.subjects import Subjects

SUBJECTS = Subjects()
STREAM, BUCKET = SUBJECTS.streams[0], f"KV_{SUBJECTS.bucket}"


@pytest.fixture
async def client(server):
    connected = await nats.connect(server.url)
    yield connected
    await connected.close()


@pytest.fixture
def settings(server) -> BrokerSettings:
    return BrokerSettings(servers=(server.url,), instance="i1")


async def create(client, config: dict[str, Any]) -> None:
    asked = json.dumps(config).encode()
    subject = f"$JS.API.STREAM.CREATE.{config['name']}"
    reply = await client.request(subject, asked, timeout=PATIENCE)
    assert "error" not in json.loads(reply.data), reply.data


@pytest.mark.parametrize(
    "changes",
    [
        {"subjects": ["transcripts.>"], "subject_transform": None, "republish": None},
        {"subjects": ["ingest.transcripts.>", "transcripts.>"], "republish": None},
        {"subject_transform": None},
        {"republish": {"src": "transcripts.>", "dest": "transcripts.>", "headers_only": True}},
        {"retention": "workqueue"},
        {"storage": "memory", "max_bytes": 16 * 2**20},
        {"discard": "new"},
        {"allow_direct": False},
        {"no_ack": True},
        {"max_msgs_per_subject": 1},
        {"max_age": 10**9, "duplicate_window": 10**9},
        {"persist_mode": "async"},
    ],
    ids=lambda changes: next(iter(changes)),
)
async def test_a_stream_that_would_not_keep_or_show_records_is_no_stream_of_ours(
    client, settings, changes
):
    await create(client, {**stream_config(SUBJECTS, settings), **changes})
    with pytest.raises(Misshapen, match=f"stream TRANSCRIPTS is there.*{next(iter(changes))} is "):
        await provision(client, SUBJECTS, settings)


@pytest.mark.parametrize(
    "changes",
    [
        {"republish": None},
        {"allow_msg_ttl": False, "subject_delete_marker_ttl": 0},
        {"subject_delete_marker_ttl": 0},
        {"max_age": 3600 * 10**9},
        {"storage": "memory"},
        {"allow_direct": False},
    ],
    ids=lambda changes: next(iter(changes)),
)
async def test_a_bucket_that_would_not_keep_or_show_entries_is_no_bucket_of_ours(
    client, settings, changes
):
    await create(client, {**bucket_config(SUBJECTS, settings), **changes})
    with pytest.raises(
        Misshapen, match=f"bucket TRANSCRIPTS_CALLS is there.*{next(iter(changes))} is "
    ):
        await provision(client, SUBJECTS, settings)


async def test_what_an_operator_chose_otherwise_is_left_alone(client, settings):
    chosen = {
        "description": "ours",
        "max_age": 7 * 86_400 * 10**9,
        "max_bytes": 64 * 2**20,
        "max_msgs_per_subject": 20_000,
        "compression": "s2",
    }
    await create(client, {**stream_config(SUBJECTS, settings), **chosen})
    await provision(client, SUBJECTS, settings)
    found = await find_stream(client, STREAM)
    assert found is not None
    assert {name: found[name] for name in chosen} == chosen


async def test_bringing_up_to_date_mends_what_can_be_and_keeps_what_only_an_operator_sets(
    client, settings
):
    await client.jetstream().add_stream(
        name=STREAM, subjects=["transcripts.>"], description="by hand"
    )
    await client.jetstream().create_key_value(bucket=SUBJECTS.bucket)
    updating = BrokerSettings(servers=settings.servers, instance="i1", provision=True)
    await provision(client, SUBJECTS, updating)
    await provision(client, SUBJECTS, settings)
    found = await find_stream(client, STREAM)
    assert found is not None
    assert (found["subjects"], found["description"]) == (["ingest.transcripts.>"], "by hand")


async def test_what_is_up_to_date_is_looked_at_and_not_updated(client, settings):
    updated: list[str] = []

    async def note(message) -> None:
        updated.append(message.subject)

    await client.subscribe("$JS.EVENT.ADVISORY.STREAM.UPDATED.>", cb=note)
    await client.flush()
    for hours, expected in ((72, 0), (72, 0), (36, 1)):
        await provision(
            client,
            SUBJECTS,
            BrokerSettings(
                servers=settings.servers, instance="i1", provision=True, retention=hours * 3600
            ),
        )
        await client.flush()
        assert len(updated) == expected


async def test_what_nats_cannot_change_is_said_with_what_to_do(client, settings):
    await client.jetstream().add_stream(
        name=STREAM, subjects=["ingest.transcripts.>"], storage=api.StorageType.MEMORY
    )
    updating = BrokerSettings(servers=settings.servers, instance="i1", provision=True)
    with pytest.raises(NotProvisioned, match=r"could not be brought up to date: .*storage"):
        await provision(client, SUBJECTS, updating)
    with pytest.raises(Misshapen, match=r"NATS cannot change .*nats stream rm TRANSCRIPTS"):
        await provision(client, SUBJECTS, settings)


async def test_a_stream_of_another_name_that_takes_our_subjects_is_told(client, settings):
    await client.jetstream().add_stream(name="OTHER", subjects=["ingest.>"])
    with pytest.raises(NotProvisioned, match="another stream takes the same subjects"):
        await provision(client, SUBJECTS, settings)


async def test_processes_with_different_settings_may_begin_together(client, settings):
    others = [
        BrokerSettings(servers=settings.servers, instance="i", retention=3600.0 * hours)
        for hours in range(1, 6)
    ]
    await asyncio.gather(*(provision(client, SUBJECTS, each) for each in others))
    assert await find_stream(client, BUCKET) is not None


@pytest.mark.parametrize(
    ("state", "age"),
    [
        ({"messages": 5, "first_ts": "2027-01-15T07:00:00.123456789Z"}, 3600.0),
        ({"messages": 5, "first_ts": "2027-01-15T08:30:00Z"}, 0.0),  # their clock is ahead
        ({"messages": 0, "first_ts": "0001-01-01T00:00:00Z"}, 0.0),
    ],
)
def test_the_age_of_the_oldest_record_is_told_from_what_nats_says(state, age):
    assert oldest_age(state, 1_800_000_000.0) == age
