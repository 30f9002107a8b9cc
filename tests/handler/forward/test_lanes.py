"""handler/forward/lanes.py: what is due of each call, and how little of it is at hand."""

import random

import pytest
from support.sids import call_sid

from broker.ledger import Ledger, Place
from handler.forward import lanes as module
from handler.forward.lanes import AT_HAND, BYTES_AT_HAND, Kept, Lane, Lanes

ONE, OTHER = call_sid(1), call_sid(2)


def kept(sequence: int, seq: int, size: int = 2) -> Kept:
    return Kept(sequence, seq, "final", b"x" * size)


def ledger(seen: int = 0, **behind: Place) -> Ledger:
    return Ledger(owner="", created="c", start=0, seen=seen, behind=behind)


def new() -> Lane:
    return Lane(ONE, Place(1, 0), 0)


def test_records_are_sent_in_the_order_in_which_they_were_seen():
    lanes = Lanes(ledger())
    lane = lanes.see(ONE, kept(1, 1))
    assert lanes.see(OTHER, kept(2, 1)) is not lane
    assert lanes.see(ONE, kept(3, 2)) is lane
    assert (lane.head, lane.missing, lane.to_read_after) == (kept(1, 1), range(1, 1), None)
    lane.done()
    assert (lane.head, lane.due, lane.after) == (kept(3, 2), 2, 1)
    assert lanes.ledger().behind == {ONE: Place(2, 1, 2), OTHER: Place(1, 1, 1)}
    assert lanes.ledger().seen == 3
    lane.done()
    assert (lane.head, lane.is_busy, lanes.waiting) == (None, False, 2)
    lanes.rest(lane)
    assert [one.call_sid for one in lanes.busy] == [OTHER]


def test_what_a_call_has_beyond_what_is_at_hand_is_read_again():
    lane = new()
    for number in range(1, AT_HAND + 6):
        lane.see(kept(number, number))
    for _ in range(AT_HAND):
        assert lane.to_read_after is None
        lane.done()
    assert (lane.head, lane.is_busy, lane.to_read_after) == (None, True, AT_HAND)
    lane.fill([kept(AT_HAND + 1, AT_HAND + 1), kept(AT_HAND + 2, AT_HAND + 2)], AT_HAND + 2)
    lane.see(kept(AT_HAND + 2, AT_HAND + 2))  # it was read before it was seen
    lane.done()
    lane.done()
    assert lane.to_read_after == AT_HAND + 2
    lane.fill([], AT_HAND + 3)  # nothing of ours
    assert lane.to_read_after == AT_HAND + 3
    lane.note_expired(lane.unsent, lane.until)
    assert not lane.is_busy


def test_large_records_are_not_kept_at_hand_in_number():
    lane = new()
    lane.see(kept(1, 1, BYTES_AT_HAND))
    lane.see(kept(2, 2))
    lane.done()
    assert lane.to_read_after == 1
    lane.fill([kept(2, 2)], 2)
    lane.see(kept(3, 3))
    lane.done()
    assert lane.head == kept(3, 3)


def test_a_call_that_cannot_be_sent_holds_nothing_but_its_place():
    lane = new()
    lane.see(kept(1, 1))
    lane.see(kept(4, 2))
    lane.done()
    lane.let_go()
    assert (lane.head, lane.place, lane.to_read_after) == (None, Place(2, 1, 2), 1)
    lane.see(kept(6, 3))
    assert lane.head is None
    lane.fill([kept(4, 2), kept(6, 3)], 6)
    assert (lane.head, lane.to_read_after) == (kept(4, 2), None)


def test_what_the_stream_no_longer_keeps_is_missing():
    lane = new()
    lane.see(kept(9, 4))
    assert lane.missing == range(1, 4)
    lane.note_missing()
    assert (lane.missing, lane.due) == (range(4, 4), 4)
    lane.done()
    lane.note_missing()
    assert lane.due == 5


def test_of_a_call_that_is_met_in_its_middle_nobody_knows_what_came_before():
    lane = Lanes(ledger()).see(ONE, kept(7, 3))
    assert (lane.due, lane.place, list(lane.missing)) == (0, Place(0, 6, 3), [])
    lane.begin_anew()
    assert (lane.due, lane.to_read_after, lane.head) == (1, 0, None)
    lane.fill([kept(2, 1), kept(5, 2), kept(7, 3)], 7)
    assert (lane.head, lane.to_read_after) == (kept(2, 1), None)


def test_a_forwarder_goes_on_where_the_ledger_says():
    lanes = Lanes(ledger(9, **{ONE: Place(3, 5, 7)}))
    (lane,) = lanes.busy
    assert (lane.due, lane.to_read_after, lane.newest, lanes.seen) == (3, 5, 7, 9)
    assert lanes.ledger() == ledger(9, **{ONE: Place(3, 5, 7)})


@pytest.mark.parametrize(
    ("place", "unsent"),
    [
        (Place(3, 5, 7), range(3, 8)),
        (Place(8, 5, 7), range(8, 8)),
        (Place(0, 5, 7), range(1, 8)),
        (Place(3, 5), range(3, 4)),  # as a version wrote it that did not know the newest
        (Place(0, 5), range(1, 2)),
    ],
)
def test_of_a_call_that_expired_it_is_known_what_was_unsent(place, unsent):
    (lane,) = Lanes(ledger(9, **{ONE: place})).busy
    assert lane.unsent == unsent
    lane.note_expired(lane.unsent, lane.until)
    assert (lane.is_busy, lane.due, lane.after) == (False, unsent.stop, 9)


def test_what_is_seen_while_the_rest_expires_is_not_lost_with_it():
    lane = new()
    lane.see(kept(1, 1))
    lane.let_go()
    lost, until = lane.unsent, lane.until
    lane.see(kept(2, 2))
    lane.note_expired(lost, until)
    assert (lane.due, lane.to_read_after) == (2, 1)
    lane.fill([kept(2, 2)], 2)
    assert (lane.head, list(lane.missing)) == (kept(2, 2), [])


def test_what_is_remembered_of_calls_is_bounded_and_never_of_one_that_waits(monkeypatch):
    monkeypatch.setattr(module, "REMEMBERED", 3)
    lanes = Lanes(ledger())
    waiting = lanes.see(call_sid(0), kept(1, 1))
    for number in range(1, 6):
        lane = lanes.see(call_sid(number), kept(number + 1, 1))
        lane.done()
        lanes.rest(lane)
    known = [lanes.see(call_sid(number), kept(number + 10, 2)).due for number in range(1, 6)]
    assert known == [0, 0, 0, 2, 2]
    assert waiting.due == 1


def test_it_is_known_how_much_of_the_stream_was_not_seen():
    lanes = Lanes(ledger(4))
    assert lanes.unread == 0
    lanes.newest = 9
    assert lanes.unread == 5
    lanes.see(ONE, kept(10, 1))
    assert lanes.unread == 0


def test_records_that_went_unseen_are_told_and_nothing_is_known_of_calls_that_were_done():
    lanes = Lanes(ledger(4))
    done, waiting = lanes.see(ONE, kept(5, 1)), lanes.see(OTHER, kept(6, 1))
    done.done()
    lanes.rest(done)
    assert lanes.skip_to(7) == 0
    assert lanes.see(ONE, kept(7, 2)) is done
    done.done()
    lanes.rest(done)
    assert lanes.skip_to(5) == 0
    assert lanes.skip_to(10) == 2
    assert lanes.see(ONE, kept(10, 9)).due == 0
    assert lanes.see(OTHER, kept(11, 4)) is waiting


def test_whatever_befalls_a_call_each_of_its_records_is_due_and_in_order():
    """Against a stream that keeps all: attempts that fail, little that is at hand, new ledgers."""
    for seed in range(300):
        source = random.Random(seed)
        places = sorted(source.sample(range(1, 200), 59))
        stream = [kept(place, n) for n, place in enumerate(places, 1)]
        lanes, seen, sent = Lanes(ledger()), 0, []
        while seen < len(stream) or lanes.waiting:
            if seen < len(stream) and source.random() < 0.6:
                lanes.see(ONE, stream[seen])
                seen += 1
            for lane in lanes.busy:
                if (after := lane.to_read_after) is not None:
                    left = [one for one in stream if one.sequence > after][: source.randint(1, 9)]
                    lane.fill(left, left[-1].sequence)
                if source.random() < 0.3:
                    lane.let_go()
                elif lane.head is not None:
                    assert not lane.missing
                    sent.append(lane.head.seq)
                    lane.done()
                if not lane.is_busy:
                    lanes.rest(lane)
            if source.random() < 0.1:  # another process goes on
                lanes = Lanes(lanes.ledger())
                seen = sum(one.sequence <= lanes.seen for one in stream)
        # What was read before it was seen comes again from who goes on, as after each kill.
        assert list(dict.fromkeys(sent)) == list(range(1, 60))
