"""handler/calls/dead_streams.py: what a sign means, and how often a stream may be started again."""

import msgspec
import pytest
from support.sids import account_sid, call_sid, stream_sid

from broker.entries import CallEntry
from handler.calls.dead_streams import (
    MOST_IN_WINDOW,
    SPACING_SECONDS,
    STOPPED_SECONDS,
    WINDOW_SECONDS,
    doubt,
    is_dead,
    parameters,
    pause,
)
from handler.parameters import read_parameters
from handler.twilio.callbacks import StreamCallback

ACCOUNT = account_sid(1)
ENTRY = CallEntry(
    call_sid=call_sid(1),
    account_sid=ACCOUNT,
    started_at=1,
    epoch="i1-1",
    owner="i1",
    stream_sids=(stream_sid(1), stream_sid(2)),
)


@pytest.mark.parametrize(
    ("event", "error", "seconds"),
    [
        ("stream-error", "31903 Stream - Connection - Broken Pipe", 0.0),
        ("stream-error", "of which nobody has heard", 0.0),
        ("stream-error", "31930 Buffer Overflow", None),  # it goes on
        ("stream-stopped", "", STOPPED_SECONDS),
        ("stream-started", "", None),
        ("other", "", None),
    ],
)
def test_what_twilio_says_of_a_stream_tells_whether_it_is_dead(event, error, seconds):
    said = StreamCallback(ACCOUNT, call_sid(1), stream_sid(1), event, error)
    assert doubt(said) == seconds


@pytest.mark.parametrize(
    ("changes", "account", "dead", "result"),
    [
        ({}, ACCOUNT, [stream_sid(2), stream_sid(9)], True),  # one of two: the other side is lost
        ({}, ACCOUNT, [stream_sid(9)], False),  # an earlier one
        ({}, account_sid(2), [stream_sid(1)], False),
        ({"call_status": "completed"}, ACCOUNT, [stream_sid(1)], False),
        ({"stream_sids": ()}, ACCOUNT, [stream_sid(1)], False),  # stopped, by Twilio's word
    ],
)
def test_a_call_is_heard_by_nobody_if_a_stream_is_dead_that_it_is_listed_with(
    changes, account, dead, result
):
    assert is_dead(msgspec.structs.replace(ENTRY, **changes), account, dead) is result
    assert not is_dead(None, account, dead)


def test_another_start_waits_for_the_one_before_and_for_its_window():
    now, second = 10_000_000, 1000
    assert pause((), now) == 0
    assert pause((now - second,), now) == SPACING_SECONDS - 1
    assert pause((now - 5 * second,), now) == 0
    first = now - 100 * second
    many = tuple(first + 6 * second * number for number in range(MOST_IN_WINDOW))
    assert pause(many[1:], now) == 0
    assert pause(many, now) == WINDOW_SECONDS - 100
    assert pause(many, first + 600 * second) == 0


def test_clocks_that_differ_keep_nobody_for_longer():
    now = 10_000_000
    assert pause((now + 60_000,), now) == SPACING_SECONDS
    assert pause((now + 60_000,) * MOST_IN_WINDOW, now) == WINDOW_SECONDS


def test_the_next_stream_is_told_of_the_call_what_the_first_was():
    told = {
        "from": "+15550002222",
        "to": "+15550001111",
        "direction": "inbound",
        "callerName": "Ana",
        "calleeName": "Bo",
        "options": "language=de",
        "order": "7",
        "note": "x" * 495,
    }
    read = read_parameters(told)
    entry = msgspec.structs.replace(
        ENTRY,
        from_=read.from_,
        to=read.to,
        direction=read.direction,
        caller_name=read.caller_name,
        callee_name=read.callee_name,
        options=read.options,
        metadata=dict(read.metadata),
    )
    assert read_parameters(parameters(entry)) == read
    assert parameters(ENTRY) == {}
    too_long = msgspec.structs.replace(ENTRY, metadata={"note": "x" * 500, "order": "7"})
    assert parameters(too_long) == {"order": "7"}
