"""broker/claim.py: what a new owner must know and claim, as tables of cases."""

import json
from dataclasses import replace
from typing import Literal

import pytest
from support.sids import account_sid, call_sid

from broker.claim import Claim, Epochs, first_record, is_own, still_to_say
from broker.entries import CallEntry
from broker.records import CallFacts, Record, Stored, call_ended, gap

CALL = CallFacts(
    call_sid=call_sid(1), account_sid=account_sid(1), stream_sid="MZ2", started_at=9000, from_="+1"
)


def stored(sequence: int, kind: str, **facts: object) -> Stored:
    data = json.dumps({"type": kind, "epoch": "i1-1", **facts}).encode()
    headers = {"Nats-Msg-Id": f"id-{sequence}", "Call-Seq": str(sequence - 10)}
    return Stored(sequence, "a subject", data, headers)


def final(sequence: int, track: str, start: float, duration: float) -> Stored:
    """Return a final as Deepgram writes it: its ``metadata`` is another thing than a call's."""
    theirs = {"request_id": "r", "model_info": {"name": "nova-3"}, "model_uuid": None}
    said = {"alternatives": [{"transcript": "Yes, please.", "words": [{}, {}]}]}
    times = {"start": start, "duration": duration}
    return stored(sequence, "Results", track=track, channel=said, metadata=theirs, **times)


STARTED = stored(
    11,
    "CallStarted",
    startedAt=1000,
    **{
        "from": "+2",
        "to": "+3",
        "direction": "in",
        "callerName": "Ana",
        "metadata": {"order": "7"},
    },
)
FOREIGN = Stored(12, "a subject", b"not ours", {"Call-Seq": "2"})


def entry(owner: str, state: Literal["live", "waiting"], *, leaving: bool = False) -> CallEntry:
    return CallEntry(
        call_sid=call_sid(1),
        account_sid=account_sid(1),
        started_at=1000,
        epoch="i1-1",
        owner=owner,
        state=state,
        leaving=leaving,
    )


def claim(*records: Stored) -> Claim:
    return Claim.of(records, records[-1])


def test_a_claim_knows_the_clock_the_numbers_and_how_far_each_side_is_known():
    known = claim(
        STARTED,
        FOREIGN,
        final(13, "inbound", 0.0, 2.0),
        final(14, "outbound", 0.5, 1.0),
        final(15, "inbound", 1.0, 0.5),
        stored(16, "Gap", start=2.0, end=4.5, reason="owner-lost"),
        stored(17, "Gap", start=5.0, end=6.0, reason="media-lost"),
    )
    assert (known.seq, known.sequence, known.type, known.reason) == (7, 17, "Gap", "media-lost")
    assert (known.epoch, known.owner, known.started_at) == ("i1-1", "i1", 1000)
    assert known.told == {
        "from_": "+2",
        "to": "+3",
        "direction": "in",
        "caller_name": "Ana",
        "callee_name": None,
        "metadata": {"order": "7"},
    }
    assert (known.ends, known.gap_end) == ({"inbound": 2.0, "outbound": 1.5}, 4.5)
    assert known.words == 6
    assert known.ids == {f"id-{sequence}" for sequence in (11, 13, 14, 15, 16, 17)}


@pytest.mark.parametrize(
    ("newest", "known_end"),
    [
        (stored(16, "Gap", start=2.0, end=4.5, reason="owner-lost"), 4.5),
        (stored(16, "Gap", start=2.0, end=4.5, reason="paused"), 4.5),
        (stored(16, "Gap", start=2.0, end=4.5, reason="media-lost"), 0.0),  # older finals may come
        (stored(16, "CallEnded", duration=4.5, reason="completed"), 4.5),
        (stored(16, "CallEnded", duration=0.0, reason="completed"), 0.0),
    ],
)
def test_how_far_a_call_is_known_is_told_by_its_ends_too(newest, known_end):
    assert claim(STARTED, final(15, "inbound", 0.0, 2.0), newest).gap_end == known_end


@pytest.mark.parametrize(
    ("newest", "entry", "lives", "free"),
    [
        (STARTED, None, True, False),  # not seen before: it has begun this moment
        (STARTED, entry("i1", "live"), True, False),
        (STARTED, entry("i1", "waiting"), True, True),
        (STARTED, entry("i1", "live", leaving=True), True, True),
        (STARTED, entry("", "live"), True, True),  # given up
        # Claimed since the registry was told, by another or the same: it is theirs.
        (stored(12, "CallResumed", epoch="i2-1"), entry("i1", "live"), True, False),
        (stored(12, "CallResumed", epoch="i2-1"), entry("", "live"), True, False),
        (stored(12, "CallResumed", epoch="i1-2"), entry("i1", "waiting"), True, False),
        (STARTED, None, False, True),
        (stored(12, "CallEnded", reason="completed"), None, True, True),
        (stored(12, "CallResumed", epoch="me-1"), entry("me", "live"), True, True),
    ],
)
def test_a_call_is_free_unless_a_process_that_lives_has_it(newest, entry, lives, free):
    known = claim(STARTED, newest)
    assert known.is_free("me", entry, owner_lives=lives) is free


def test_what_a_call_is_does_not_change_with_the_media_stream_that_carries_it_on():
    other = replace(CALL, callee_name="Eve", metadata={"order": "8", "more": "9"})
    going_on = claim(STARTED).facts(other)
    assert (going_on.from_, going_on.to, going_on.direction) == ("+2", "+3", "in")
    assert (going_on.caller_name, going_on.callee_name) == ("Ana", None)
    assert going_on.metadata == {"order": "7"}
    assert (going_on.stream_sid, going_on.started_at) == ("MZ2", 9000)
    without = claim(stored(14, "CallResumed", epoch="i2-1"))  # the beginning is no longer kept
    assert without.facts(CALL) == CALL
    assert (without.owner, without.started_at) == ("i2", None)


@pytest.mark.parametrize(
    ("newest", "ended", "given_up"),
    [
        (stored(12, "CallEnded", reason="crashed"), True, True),
        (stored(12, "CallEnded", reason="drained"), True, True),
        (stored(12, "CallEnded", reason="stream-lost"), True, True),
        (stored(12, "CallEnded", reason="completed"), True, False),
        # By who did not claim it first: Twilio said that it was over, and the owner did not answer.
        (stored(12, "CallEnded", reason="completed", epoch="i3-1"), True, True),
        (stored(12, "Gap", reason="owner-lost"), False, True),  # the first half of an end
        (stored(12, "Gap", reason="media-lost"), False, False),
        (final(12, "inbound", 0.0, 1.0), False, False),
        # Somebody else owns it: whatever the end says, it is not ours to go on.
        (stored(12, "CallResumed", epoch="i2-1"), False, False),
    ],
)
def test_an_owner_goes_on_only_where_others_took_it_for_dead(newest, ended, given_up):
    known = claim(STARTED, newest)
    assert (known.ended, known.given_up({"i1-1"})) == (ended, given_up)
    assert not known.given_up({"i2-1"})


def test_a_call_begins_once_and_then_goes_on():
    assert first_record(CALL, None) == CALL.started()
    assert first_record(CALL, claim(STARTED)) == CALL.resumed()


WORD = Record("final", "inbound", {"type": "Results"})
ABANDONED = claim(STARTED, stored(12, "CallEnded", reason="crashed"))
HALF = claim(STARTED, stored(12, "Gap", reason="owner-lost"))
# As Twilio said when it was over, and its owner did not answer.
OVER = claim(STARTED, stored(12, "CallEnded", reason="completed", duration=10.0, epoch="i3-1"))


@pytest.mark.parametrize(
    ("known", "refused", "was_stored", "left"),
    [
        (ABANDONED, WORD, False, [CALL.resumed(), WORD]),
        (ABANDONED, WORD, True, [CALL.resumed()]),  # only the answer was lost
        (ABANDONED, CALL.resumed(), False, [CALL.resumed()]),
        (ABANDONED, call_ended(1.0, "completed"), False, None),  # said already
        (HALF, call_ended(1.0, "completed"), False, [CALL.resumed(), call_ended(1.0, "completed")]),
        (OVER, gap(1.0, 10.0, None, "media-lost"), False, None),
        *(
            (OVER, other, False, [CALL.resumed(), other])
            for other in (
                gap(1.0, 11.0, None, "media-lost"),
                gap(1.0, 10.0, "inbound", "media-lost"),
                gap(1.0, 10.0, None, "recogniser-unreachable"),
            )
        ),
        (
            HALF,
            gap(1, 2, None, "media-lost"),
            False,
            [CALL.resumed(), gap(1, 2, None, "media-lost")],
        ),
    ],
)
def test_what_an_owner_says_that_was_given_up(known, refused, was_stored, left):
    assert still_to_say(known, CALL, refused, stored=was_stored) == left


@pytest.mark.parametrize(
    ("newest", "own"),
    [
        (None, True),  # lost with the stream
        (STARTED, True),
        (final(12, "inbound", 0.0, 1.0), True),
        (stored(12, "CallResumed", epoch="i2-1"), False),
        (FOREIGN, False),
    ],
)
def test_a_call_is_ours_if_nobody_else_has_written_it(newest, own):
    assert is_own(newest, {"i1-1"}) is own


def test_a_writer_knows_all_its_claims_and_writes_under_the_announced_ones_in_order():
    epochs = Epochs("i1-1", iter(["i1-2", "i1-3", "i1-4"]).__next__)
    own = epochs.own
    epochs.announce()
    epochs.announce()
    assert (epochs.current, own) == ("i1-1", {"i1-1", "i1-2", "i1-3"})
    epochs.begin_announced()
    assert epochs.current == "i1-2"
    epochs.begin()
    assert (epochs.current, own) == ("i1-4", {"i1-1", "i1-2", "i1-3", "i1-4"})
