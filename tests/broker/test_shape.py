"""broker/shape.py: what stream and bucket must be, and what is said of those that are not."""

from dataclasses import replace
from typing import Any

import pytest

from broker.settings import BrokerSettings
from broker.shape import (
    LEAST_BYTES,
    advice,
    brought_up_to_date,
    bucket_config,
    bucket_differences,
    forward_config,
    forward_differences,
    has,
    losses,
    stream_config,
    stream_differences,
)
from broker.subjects import Subjects

SUBJECTS = Subjects()
SETTINGS = BrokerSettings(servers=("nats://h",), instance="i")
STREAM, BUCKET = stream_config(SUBJECTS, SETTINGS), bucket_config(SUBJECTS, SETTINGS)
FORWARD = forward_config(SUBJECTS, SETTINGS)
HOUR = 3600 * 10**9


def test_what_we_create_is_as_we_need_it():
    assert stream_differences(SUBJECTS, STREAM) == []
    assert bucket_differences(SUBJECTS, BUCKET) == []
    assert forward_differences(SUBJECTS, FORWARD) == []


def test_a_short_retention_makes_the_window_of_repetitions_short_too():
    settings = BrokerSettings(servers=("nats://h",), instance="i", retention=60)
    config = stream_config(SUBJECTS, settings)
    assert (config["max_age"], config["duplicate_window"]) == (60 * 10**9, 60 * 10**9)
    assert stream_differences(SUBJECTS, config) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"max_age": 0, "max_bytes": -1, "max_msgs_per_subject": -1, "max_msg_size": -1},
        {"max_age": HOUR, "max_bytes": 2**30, "num_replicas": 5, "compression": "s2"},
        {"persist_mode": "default", "mirror": None, "sources": [], "no_ack": False},
        {"deny_purge": True, "metadata": {"owner": "us"}, "max_msgs": 10**6},
    ],
)
def test_what_is_an_operators_choice_may_be_otherwise(changes):
    assert stream_differences(SUBJECTS, {**STREAM, **changes}) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"subjects": ["a"]}, 'subjects is ["a"], must be ["ingest.transcripts.>"]'),
        (
            {"subject_transform": None},
            "subject_transform is not set, must be ingest.transcripts.> to transcripts.>",
        ),
        (
            {"republish": {"src": ">", "dest": "transcripts.>"}},
            'republish is {"src": ">", "dest": "transcripts.>"}, must be transcripts.> to',
        ),
        ({"discard": "new"}, 'discard is "new", must be "old"'),
        ({"no_ack": True}, "no_ack is true, must be left out"),
        ({"sources": [{"name": "A"}]}, 'sources is [{"name": "A"}], must be left out'),
        ({"max_age": 10**9}, "max_age is 1 second, must be without limit or a minute at least"),
        ({"max_bytes": 1}, "max_bytes is 1, must be without limit or 16777216 at least"),
        ({"max_msgs_per_subject": 1}, "without limit or 10000 at least"),
        (
            {"duplicate_window": 10**8},
            "duplicate_window is 0.1 seconds, must be 2 minutes at least",
        ),
        ({"duplicate_window": None}, "duplicate_window is not set"),
        ({"allow_direct": None}, "allow_direct is not set, must be true"),
    ],
)
def test_what_keeps_records_from_being_kept_or_read_is_named_and_can_be_mended(changes, said):
    (difference,) = stream_differences(SUBJECTS, {**STREAM, **changes})
    assert said in difference.text
    assert not difference.fixed
    assert "`partyline provision`" in advice("TRANSCRIPTS", [difference])


@pytest.mark.parametrize(
    "changes",
    [
        {"retention": "interest"},
        {"storage": "memory"},
        {"sealed": True},
        {"mirror": {"name": "A"}},
        {"allow_msg_counter": True},
        {"persist_mode": "async"},
    ],
)
def test_what_nats_changes_in_no_stream_is_to_be_deleted_or_left_to_others(changes):
    (difference,) = stream_differences(SUBJECTS, {**STREAM, **changes})
    assert difference.fixed
    said = advice("TRANSCRIPTS", [difference])
    assert "set SUBJECT_PREFIX" in said
    assert "nats stream rm TRANSCRIPTS" in said


@pytest.mark.parametrize(
    "changes",
    [
        {"subjects": ["$KV.TRANSCRIPTS_CALLS.call.>"]},
        {"republish": {"src": "$KV.TRANSCRIPTS_CALLS.>", "dest": "elsewhere.>"}},
        {"subject_transform": {"src": "a", "dest": "b"}},
        {"max_age": HOUR},
        {"max_bytes": 1000},
        {"max_msgs": 10},
        {"max_msg_size": 10},
        {"allow_msg_ttl": False},
        {"subject_delete_marker_ttl": 0},
        {"subject_delete_marker_ttl": None},
        {"retention": "workqueue"},
    ],
)
def test_what_keeps_the_list_of_calls_from_being_kept_or_read_is_named(changes):
    (difference,) = bucket_differences(SUBJECTS, {**BUCKET, **changes})
    assert difference.text.startswith(f"{next(iter(changes))} is ")


def test_what_forwarders_keep_is_told_to_nobody():
    assert (FORWARD["name"], FORWARD["subjects"]) == (
        "KV_TRANSCRIPTS_FORWARD",
        ["$KV.TRANSCRIPTS_FORWARD.>"],
    )
    assert "republish" not in FORWARD


@pytest.mark.parametrize(
    "changes",
    [{"subjects": ["other.>"]}, {"max_age": HOUR}, {"max_msg_size": 4096}, {"allow_msg_ttl": None}],
)
def test_what_keeps_a_forwarder_from_knowing_its_place_is_named(changes):
    (difference,) = forward_differences(SUBJECTS, {**FORWARD, **changes})
    assert difference.text.startswith(f"{next(iter(changes))} is ")


def test_what_only_an_operator_sets_outlives_an_update():
    found: dict[str, Any] = {"name": "TRANSCRIPTS", "compression": "s2", "discard": "new"}
    updated = brought_up_to_date(found, STREAM)
    assert updated == {**STREAM, "compression": "s2"}
    assert (has(found, STREAM), has(updated, STREAM)) == (False, True)


STORED = {"messages": 60_000, "bytes": 20 << 20}
AGE = 7200.4


@pytest.mark.parametrize(
    ("found", "ours", "words"),
    [
        (
            {"max_age": 100 * HOUR},
            {"max_age": HOUR},
            "retention is 100 hours, to be 1 hour: records that are older are deleted at once, and",
        ),
        ({"max_age": 0}, {"max_age": HOUR}, "retention is unlimited, to be 1 hour"),
        (
            {"max_bytes": 64 << 20},
            {"max_bytes": 16 << 20},
            "it may hold 64 MB, to be 16 MB: of the 20.0 MB that are stored the oldest 4.0 MB are",
        ),
        ({"max_bytes": -1}, {"max_bytes": 32 << 20}, "it may hold unlimited, to be 32 MB: of the"),
        ({"max_msgs_per_subject": -1}, {}, "of more than 50000 records of one kind and track"),
        (
            {"num_replicas": 3},
            {},
            "copies are 3, to be 1: it bears the loss of 0 servers then, and of 1 now",
        ),
    ],
)
def test_what_would_keep_less_is_said_with_what_goes(found, ours, words):
    lost = losses({**STREAM, **found}, {**STREAM, **ours}, STORED, AGE)
    assert len(lost) == 1
    assert lost[0].startswith(words)
    assert losses({**STREAM, **found}, {**STREAM, **ours}, {"messages": 0}, AGE) == []


@pytest.mark.parametrize(
    ("found", "ours"),
    [
        ({}, {}),
        ({"max_age": HOUR, "max_bytes": 2**20, "max_msgs_per_subject": 10}, {}),
        ({}, {"max_age": 0, "max_bytes": -1, "num_replicas": 3}),
    ],
)
def test_what_keeps_as_much_or_more_costs_nothing(found, ours):
    assert losses({**STREAM, **found}, {**STREAM, **ours}, STORED, AGE) == []


def test_of_a_stream_that_is_not_there_nothing_is_lost():
    assert losses({}, STREAM, {}, AGE) == []


def test_each_of_several_streams_takes_its_own_and_tells_all_on_as_one():
    subjects = Subjects(shards=2)
    for shard, stream in enumerate(subjects.streams):
        config = stream_config(subjects, SETTINGS, stream)
        assert (config["name"], config["subjects"]) == (stream, [f"ingest.transcripts.{shard}.>"])
        assert config["republish"] == {"src": "transcripts.>", "dest": "transcripts.>"}
        assert config["max_bytes"] == SETTINGS.max_bytes // 2
        assert stream_differences(subjects, config) == []
    least = replace(SETTINGS, max_bytes=LEAST_BYTES)
    assert stream_config(subjects, least)["max_bytes"] == LEAST_BYTES
    unlimited = replace(SETTINGS, max_bytes=-1)
    assert stream_config(subjects, unlimited)["max_bytes"] == -1
    other = {**config, "name": subjects.streams[0]}
    assert [
        difference.text.split(" is ")[0] for difference in stream_differences(subjects, other)
    ] == [
        "subjects",
        "subject_transform",
    ]
