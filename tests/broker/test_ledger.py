"""broker/ledger.py: where a forwarder is, written down and read again."""

import msgspec
import pytest
from support.sids import call_sid

from broker import ledger as ledgers
from broker.ledger import Ledger, Place, begun, fitted

CREATED = "2026-11-28T07:00:00Z"
CALL = call_sid(1)


def ledger(**changes: object) -> Ledger:
    found = Ledger(
        owner="i1",
        created=CREATED,
        start=3,
        seen=20,
        behind={CALL: Place(due=4, after=12, newest=6)},
    )
    return msgspec.structs.replace(found, **changes)


def test_a_ledger_is_read_as_it_was_written():
    written = ledgers.encode(ledger())
    assert ledgers.decode(written) == ledger()
    assert f'"behind":{{"{CALL}":[4,12,6]}}'.encode() in written


def test_a_place_that_was_written_without_the_newest_number_is_read():
    written = ledgers.encode(ledger()).replace(b"[4,12,6]", b"[4,12]")
    assert ledgers.decode(written) == ledger(behind={CALL: Place(4, 12)})


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", ledgers.encode(ledger(behind={"*": (1, 2)}))])
def test_what_is_no_ledger_or_names_what_is_no_call_is_none(data):
    assert ledgers.decode(data) is None


@pytest.mark.parametrize(("start", "place"), [(None, 4), (0, 4), (4, 4), (7, 7), (9, 9), (12, 9)])
def test_a_forwarder_begins_within_what_the_stream_keeps(start, place):
    new = begun(CREATED, 5, 9, start)
    assert new == Ledger(owner="", created=CREATED, start=place, seen=place)


def test_a_forwarder_of_an_empty_stream_begins_before_its_first_record():
    assert begun(CREATED, 0, 0, None).seen == 0


def test_who_sends_again_drops_nothing_that_waits():
    other, unknown = call_sid(2), call_sid(3)
    behind = {CALL: Place(4, 12, 6), other: Place(7, 19, 8), unknown: Place(0, 17, 3)}
    firsts = {other: 1, unknown: 2, call_sid(4): 1}
    then = {CALL: Place(4, 12, 6), other: Place(1, 0, 8), unknown: Place(2, 0, 3)}
    new = ledgers.again(ledger(behind=behind), 15, firsts)
    assert new == ledger(start=15, seen=15, behind=then)
    # What the stream had let go of it before is to be given up still.
    assert ledgers.again(ledger(), 2, {CALL: 5}).behind == {CALL: Place(4, 0, 6)}


def test_who_sends_again_from_now_on_sees_what_was_not_seen_yet():
    assert ledgers.again(ledger(), 50, {}) == ledger(start=20)


def test_a_ledger_fits_the_stream_that_it_was_written_of():
    assert fitted(ledger(), CREATED, 1, 20) == ledger()


def test_of_a_stream_that_was_made_anew_all_is_seen_again():
    assert fitted(ledger(), "2026-11-28T08:00:00Z", 1, 50) == begun(
        "2026-11-28T08:00:00Z", 1, 50, None
    )


def test_of_a_stream_that_lost_its_newest_records_what_follows_is_seen_again():
    behind = {CALL: Place(4, 12, 6), call_sid(2): Place(7, 19, 8)}
    clamped = {CALL: Place(4, 12, 6), call_sid(2): Place(7, 15, 8)}
    assert fitted(ledger(behind=behind), CREATED, 1, 15) == ledger(seen=15, behind=clamped)
    assert fitted(ledger(), CREATED, 1, 2).start == 2
