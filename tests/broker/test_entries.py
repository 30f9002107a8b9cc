"""broker/entries.py: what the bucket holds, and when it is gone."""

import msgspec
import pytest
from support.sids import account_sid, call_sid

from broker.entries import (
    CallEntry,
    CallStatus,
    Leg,
    has_expired,
    is_gone,
    read_entry,
    read_leg,
    read_status,
)
from broker.errors import BadName

ENTRY = CallEntry(
    call_sid=call_sid(1),
    account_sid=account_sid(1),
    from_="+1",
    started_at=5,
    epoch="i1-1",
    owner="i1",
    covered={"inbound": 1.5},
)


@pytest.mark.parametrize(
    ("headers", "gone"),
    [
        ({}, False),
        ({"Nats-Msg-Id": "x"}, False),
        ({"KV-Operation": "PUT"}, False),
        ({"KV-Operation": "DEL"}, True),
        ({"KV-Operation": "PURGE"}, True),
        ({"Nats-Marker-Reason": "MaxAge"}, True),  # the server's own, of what has expired
        ({"Nats-Marker-Reason": "Purge"}, True),
    ],
)
def test_a_key_is_gone_when_a_client_or_the_server_says_so(headers, gone):
    assert is_gone(headers) is gone


def test_a_call_is_free_while_its_owner_waits_for_a_stream_or_leaves_it():
    """Earlier versions know nothing of the latter: to them it is live."""
    assert not ENTRY.free
    assert msgspec.structs.replace(ENTRY, state="waiting").free
    leaving = msgspec.structs.replace(ENTRY, leaving=True)
    assert leaving.free
    assert leaving.state == "live"


def test_an_entry_is_read_as_it_was_written():
    data = msgspec.json.encode(ENTRY)
    assert msgspec.json.decode(data)["callSid"] == ENTRY.call_sid
    assert read_entry(ENTRY.call_sid, data) == ENTRY


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"call_sid": call_sid(2)}, BadName),  # another call's
        ({"call_sid": "*"}, BadName),
        ({"account_sid": ">"}, BadName),
        ({"state": "gone"}, msgspec.ValidationError),
    ],
)
def test_what_may_not_become_part_of_a_subject_is_no_entry(changes, error):
    data = msgspec.json.encode(msgspec.structs.replace(ENTRY, **changes))
    with pytest.raises(error):
        read_entry(ENTRY.call_sid, data)


def test_only_a_key_that_came_to_its_time_has_expired():
    assert has_expired({"Nats-Marker-Reason": "MaxAge"})
    assert not has_expired({"Nats-Marker-Reason": "Purge"})
    assert not has_expired({"KV-Operation": "DEL"})


def test_how_a_call_ended_is_read_as_it_was_written():
    status = CallStatus(account_sid(1), call_sid(1), "completed")
    assert read_status(msgspec.json.encode(status)) == status
    assert msgspec.json.decode(msgspec.json.encode(status))["callSid"] == call_sid(1)
    assert read_status(b"{}") is None


def test_a_leg_is_read_as_it_was_written():
    leg = Leg(account_sid(1), call_sid(1), call_sid(2))
    assert read_leg(call_sid(1), msgspec.json.encode(leg)) == leg
    assert msgspec.json.decode(msgspec.json.encode(leg))["parentCallSid"] == call_sid(2)


@pytest.mark.parametrize(
    "leg",
    [
        Leg(account_sid(1), call_sid(1), "*"),  # it would become part of a subject
        Leg(account_sid(1), call_sid(3), call_sid(2)),  # another one's
        None,
    ],
)
def test_what_is_no_leg_of_ours_is_not_read(leg):
    assert read_leg(call_sid(1), msgspec.json.encode(leg)) is None


def test_an_entry_of_an_older_version_has_no_names_and_no_metadata():
    older = {"callSid": call_sid(1), "accountSid": account_sid(1), "startedAt": 5, "epoch": "i1-1"}
    older |= {"owner": "i1", "from": None, "state": "live", "covered": {}}
    entry = read_entry(call_sid(1), msgspec.json.encode(older))
    assert (entry.caller_name, entry.callee_name, entry.metadata) == (None, None, {})


def test_what_an_application_said_of_a_call_is_in_its_entry():
    said = {"caller_name": "Ana", "callee_name": "Ben", "metadata": {"order": "7"}}
    entry = msgspec.structs.replace(ENTRY, **said)
    data = msgspec.json.encode(entry)
    assert msgspec.json.decode(data)["metadata"] == {"order": "7"}
    assert read_entry(ENTRY.call_sid, data) == entry
