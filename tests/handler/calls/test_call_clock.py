"""handler/calls/call_clock.py: where a media stream lies, and what was lost before it."""

from dataclasses import dataclass

import pytest
from support.sids import account_sid, call_sid

from broker.claim import Claim as StoredClaim
from broker.entries import CallEntry
from handler.audio.loss import Loss, Reason
from handler.audio.mulaw import Track
from handler.calls.call_clock import (
    COMPLETED,
    PAUSED,
    Before,
    CallClock,
    Claim,
    Place,
    by_side,
)
from handler.calls.media_stream import End

NOON = 1_800_000_000_000  # Unix ms: the zero of the call clock


def entry(state: str, **covered: float) -> CallEntry:
    return CallEntry(
        call_sid=call_sid(0),
        account_sid=account_sid(0),
        started_at=NOON,
        epoch="other-1",
        owner="other",
        state=state,  # type: ignore[arg-type]
        covered=covered,
    )


def claim(known_end: float = 0, missing: Reason | None = "owner-lost") -> Claim:
    return Claim(started_at=NOON, known_end=at(known_end), missing=missing)


def at(seconds: float) -> int:
    return round(seconds * 8000)


@dataclass(frozen=True)
class Case:
    """
    A media stream to be placed; times are seconds after NOON, or on the call clock.

    Attributes:
        begins: When its ``start`` came in.
        audio_end: Where the audio ends that this process has sent.
        claim: What is stored.
        former: The entry of another container.
        before: What this process knows of the call's life before.
        offset: Where the stream lies.
        lost: From where to where, and why.
    """

    begins: float
    offset: float
    audio_end: float = 0
    claim: Claim | None = None
    former: CallEntry | None = None
    before: Before | None = None
    lost: tuple[float, float, str] | None = None


CASES = {
    # A call that nobody knows.
    "first stream, claimed": Case(0, 0, claim=claim(missing=None)),
    "first stream, the claim is late": Case(0, 0),
    # This process lost the media stream, and has the next.
    "re-attached": Case(12, 12, audio_end=10, claim=claim(9, None), lost=(10, 12, "media-lost")),
    "re-attached, NATS still away": Case(12, 12, audio_end=10, lost=(10, 12, "media-lost")),
    "re-attached before the audio of the first has ended": Case(
        9.9, 10, audio_end=10, claim=claim(9, None)
    ),
    "re-attached where the audio of the first ended": Case(10, 10, audio_end=10, claim=claim(9)),
    "re-attached, the first was without audio": Case(12, 12, claim=claim(missing=None)),
    "re-attached, others told more to be lost": Case(
        12, 13, audio_end=10, claim=claim(13), lost=(10, 13, "media-lost")
    ),
    "re-attached to a call that was taken over": Case(
        12, 12, audio_end=10, former=entry("live"), claim=claim(7), lost=(10, 12, "media-lost")
    ),
    # Another container had the call.
    "claimed, its owner is gone": Case(20, 20, claim=claim(14), lost=(14, 20, "owner-lost")),
    "claimed, its owner is gone, the entry is known": Case(
        20, 20, claim=claim(14), former=entry("live"), lost=(14, 20, "owner-lost")
    ),
    "claimed, known beyond the stream's begin": Case(20, 21, claim=claim(21)),
    "claimed, nothing known of it": Case(20, 20, claim=claim(0), lost=(0, 20, "owner-lost")),
    "claimed, its owner waits": Case(
        20,
        20,
        claim=claim(14),
        former=entry("waiting", inbound=16.0, outbound=15.0),
        lost=(16, 20, "media-lost"),
    ),
    "claimed, its owner waits and has published more": Case(
        20,
        20,
        claim=claim(17),
        former=entry("waiting", inbound=16.0, outbound=15.0),
        lost=(17, 20, "media-lost"),
    ),
    "claimed, its owner waits and has transcribed nothing": Case(
        20, 20, claim=claim(14), former=entry("waiting"), lost=(14, 20, "media-lost")
    ),
    "claimed, its owner has transcribed beyond the stream's begin": Case(
        20, 22, claim=claim(14), former=entry("waiting", inbound=22.0)
    ),
    # The claim is late, and only the registry tells of the call.
    "late claim, its owner is gone": Case(20, 20, former=entry("live")),
    "late claim, its owner waits": Case(
        20, 20, former=entry("waiting", inbound=16.0), lost=(16, 20, "media-lost")
    ),
    "late claim, its owner waits and has transcribed nothing": Case(
        20, 20, former=entry("waiting")
    ),
    # The call had ended, and goes on: its streaming was stopped, or its media stream was lost.
    "an ended call": Case(20, 20, claim=claim(14, PAUSED), lost=(14, 20, "paused")),
    "an ended call, known beyond the stream's begin": Case(20, 21, claim=claim(21, PAUSED)),
    "an ended call, nothing was said": Case(20, 20, claim=claim(0, PAUSED), lost=(0, 20, "paused")),
    "an ended call that was lost": Case(
        20, 20, claim=claim(14, "media-lost"), lost=(14, 20, "media-lost")
    ),
    "an ended call, its entry is still there": Case(
        20, 20, claim=claim(14, PAUSED), former=entry("waiting", inbound=12), lost=(14, 20, PAUSED)
    ),
    # It ended in this process, and its last records are not stored yet.
    "stopped here": Case(
        20, 20, claim=claim(14, PAUSED), before=Before(NOON, at(16), PAUSED), lost=(16, 20, PAUSED)
    ),
    "stopped here, the claim is late": Case(
        20, 20, before=Before(NOON, at(16), PAUSED), lost=(16, 20, PAUSED)
    ),
    "lost here, the claim is late": Case(
        20, 20, before=Before(NOON, at(16), "media-lost"), lost=(16, 20, "media-lost")
    ),
    # Clocks of two hosts disagree.
    "received before the call began": Case(-3, 0, claim=claim(missing=None)),
    "received before the call began, and some is known": Case(-3, 2, claim=claim(2)),
    # Positions are whole samples.
    "a millisecond is eight samples": Case(0.001, 8 / 8000, claim=claim(missing=None)),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_media_stream_lies_after_all_that_is_known_and_what_nobody_received_is_told(case):
    # Whatever was believed before, the claim or the entry has the zero.
    before = case.before if case.former is None else Before.of_entry(case.former)
    known = case.claim is not None or before is not None
    clock = CallClock(NOON + 5_000 if known else NOON, before)
    place = clock.place(NOON + round(case.begins * 1000), at(case.audio_end), case.claim)
    loss = None
    if case.lost is not None:
        start, end, reason = case.lost
        loss = Loss(at(start), at(end), None, reason)
    assert place == Place(NOON, at(case.offset), loss)
    assert clock.started_at == NOON


def test_the_zero_is_that_of_the_claim_once_it_is_there():
    clock = CallClock(NOON + 5_000, None)
    assert clock.place(NOON + 5_000, 0, None) == Place(NOON + 5_000, 0, None)
    assert clock.place(NOON + 9_000, at(3), claim(2)).offset == at(9)
    assert clock.started_at == NOON
    # A later stream does not go back to what was believed first.
    assert clock.place(NOON + 12_000, at(9), None).offset == at(12)


def test_the_registry_knows_the_zero_while_the_claim_does_not():
    clock = CallClock(NOON + 5_000, Before.of_entry(entry("live")))
    assert clock.place(NOON + 5_000, 0, None) == Place(NOON, at(5), None)


def test_what_lies_between_two_media_streams_is_told_though_the_first_brought_nothing():
    clock = CallClock(NOON, None)
    clock.place(NOON, 0, claim(missing=None))
    place = clock.place(NOON + 4_000, 0, claim(missing=None))
    assert place == Place(NOON, at(4), Loss(0, at(4), None, "media-lost"))
    assert clock.reached == at(4)


@pytest.mark.parametrize(
    ("stored", "missing"),
    [
        (None, None),
        (StoredClaim(seq=2, sequence=2, type="Results"), "owner-lost"),
        (StoredClaim(seq=2, sequence=2, type="CallEnded", reason="completed"), "paused"),
        (StoredClaim(seq=2, sequence=2, type="CallEnded", reason="stream-lost"), "media-lost"),
        (StoredClaim(seq=2, sequence=2, type="CallEnded", reason="crashed"), "media-lost"),
    ],
)
def test_what_is_stored_says_why_nothing_follows_it(stored, missing):
    assert Claim.of(NOON, (1.5, 0.0, 0.25), stored) == claim(1.5, missing)
    assert End.STOPPED.value == COMPLETED


def test_what_is_learnt_of_the_former_owner_while_it_says_its_last_words_counts():
    clock = CallClock(NOON, Before.of_entry(entry("live")))
    clock.learn(Before.of_entry(entry("waiting", inbound=4.0, outbound=3.0)))
    place = clock.place(NOON + 5000, 0, claim(2.5))
    assert place == Place(NOON, at(5), Loss(at(4), at(5), None, "media-lost"))


@pytest.mark.parametrize(
    ("inbound", "outbound", "lost"),
    [
        (10, 10, [(10, None)]),
        (10, 9.5, [(9.5, None)]),  # that near they are one
        (10, 7, [(10, Track.INBOUND), (7, Track.OUTBOUND)]),
        (7, 10, [(7, Track.INBOUND), (10, Track.OUTBOUND)]),
        (10, 4, [(10, None)]),  # it was silent
        (10, 0, [(10, None)]),  # it has never said anything
    ],
)
def test_what_is_lost_with_an_owner_begins_where_each_side_is_known(inbound, outbound, lost):
    whole = Loss(at(10), at(12), None, "owner-lost")
    ends = {Track.INBOUND: at(inbound), Track.OUTBOUND: at(outbound)}
    told = by_side(whole, ends)
    assert told == [Loss(at(start), at(12), track, "owner-lost") for start, track in lost]


@pytest.mark.parametrize(
    ("heard", "lost", "over", "unheard"),
    [
        (10, 10, 60, (10, 60)),
        (10, 30, 60, (10, 60)),  # nothing came for a while, and then it was lost
        (10, 10, 12, None),  # the end of the call broke it
        (10, 30, 31, None),
        (10, 30, 20, None),  # what was known to be over lost it
        (10, None, 60, None),  # it had brought its end
        (90, 10, 60, None),  # it was replayed faster than it is spoken
    ],
)
def test_what_nobody_received_of_a_call_ends_where_it_was_over(heard, lost, over, unheard):
    clock = CallClock(NOON, None)
    lost_at = None if lost is None else NOON + lost * 1000
    told = unheard and Loss(at(unheard[0]), at(unheard[1]), None, "media-lost")
    assert clock.unheard(at(heard), lost_at, NOON + over * 1000) == told
    assert clock.unheard(at(heard), lost_at, 0) is None  # when that was is not known


def test_a_call_that_was_handed_over_goes_on_where_it_was():
    clock = CallClock(NOON + 100, None)
    clock.go_on(NOON, at(4))
    assert (clock.started_at, clock.reached) == (NOON, at(4))
    assert clock.place(NOON + 6000, at(5), None).loss == Loss(at(5), at(6), None, "media-lost")
