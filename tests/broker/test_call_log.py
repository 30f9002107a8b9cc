"""broker/call_log.py: records in order whatever the order they come in, and the newest interims."""

import json
from typing import Any

from broker.call_log import INTERIM_SECONDS, CallLog

NOW = 1000.0


def payload(kind: str, **facts: Any) -> bytes:
    return json.dumps({"type": kind, "epoch": "e1", **facts}).encode()


def final(start: float, duration: float, track: str = "inbound") -> bytes:
    return payload("Results", track=track, start=start, duration=duration)


def interim(start: float = 0.0, **facts: Any) -> bytes:
    body = {"track": "inbound", "start": start, "at": int(NOW * 1000), **facts}
    return payload(body.pop("type", "Results"), **body)


def log_of(*records: bytes) -> CallLog:
    log = CallLog()
    for seq, record in enumerate(records, 1):
        assert log.add(seq, 10 * seq, record)
    return log


def seqs(log: CallLog) -> list[int | None]:
    return [record.seq for record in log.records]


def types_of(log: CallLog, seen: int = 0, cursor: int = 9, now: float = NOW) -> list[str]:
    return [one.delivery.type for one in log.fresh_interims(seen, cursor, now)]


def test_records_have_no_hole_whatever_the_order_they_come_in():
    log = CallLog()
    assert log.last == 0
    assert log.add(1, 10, payload("CallStarted", startedAt=5))
    assert not log.add(3, 30, payload("Gap"))
    assert not log.add(4, 40, payload("CallEnded"))
    assert (log.last, sorted(log.ahead), log.ended) == (1, [3, 4], False)
    assert log.add(2, 20, final(0.0, 1.0))
    assert (seqs(log), log.ahead, log.sequence, log.ended) == ([1, 2, 3, 4], {}, 40, True)
    assert log.started == {"type": "CallStarted", "epoch": "e1", "startedAt": 5}


def test_what_is_known_is_ignored():
    log = log_of(payload("CallStarted"), payload("Gap"))
    assert log.add(2, 99, payload("CallEnded"))
    assert (seqs(log), log.ended, log.sequence) == ([1, 2], False, 20)


def test_of_what_is_kept_the_first_may_have_any_number():
    log = CallLog()
    assert not log.add(5, 50, payload("Gap"))  # live: what comes before it is still to be read
    assert log.add(3, 30, payload("Gap"), stored=True)  # stored: what came before it has expired
    assert (log.first, log.last) == (3, 3)
    assert log.add(4, 40, payload("Gap"))
    assert (log.first, log.last, [one.seq for one in log.after(3)]) == (3, 5, [4, 5])
    assert seqs(log) == [one.seq for one in log.after(0)]


def test_where_records_are_lost_for_good_the_log_begins_after_them():
    log = log_of(payload("CallStarted"))
    log.add(3, 30, payload("Gap"))
    log.add(4, 40, payload("Gap"))
    log.go_on()
    assert (log.first, seqs(log), log.ahead) == (3, [3, 4], {})
    whole = log_of(payload("CallStarted"))
    whole.ahead[2] = (20, payload("Gap"))
    whole.go_on()
    assert seqs(whole) == [1, 2]


def test_a_record_that_is_not_ours_is_passed_on_as_it_is():
    log = log_of(payload("CallStarted"), b"not ours")
    assert (log.records[1].payload, log.records[1].type, log.epoch) == (b"not ours", "", "e1")


def test_of_each_kind_only_the_newest_interim_is_given_and_only_once():
    log = log_of(payload("CallStarted"))
    assert log.add_interim(interim(1.0))
    assert log.add_interim(interim(1.5))
    assert log.add_interim(interim(track="outbound"))
    assert log.add_interim(interim(type="UtteranceEnd"))
    fresh = log.fresh_interims(0, 1, NOW)
    assert [one.number for one in fresh] == [2, 3, 4]
    assert fresh[0].delivery.payload == interim(1.5)
    assert log.fresh_interims(4, 1, NOW) == []


def test_an_interim_that_a_final_covers_is_worth_nothing():
    log = log_of(payload("CallStarted"))
    log.add_interim(interim(1.0))
    log.add_interim(interim(1.0, type="SpeechStarted"))
    log.add(2, 20, final(0.5, 1.5))
    assert types_of(log) == ["SpeechStarted"]
    assert not log.add_interim(interim(1.9))
    assert log.add_interim(interim(1.995))  # the rounding of Deepgram's floats
    assert log.add_interim(interim(0.0, track="outbound"))  # another side's


def test_an_interim_waits_for_the_records_before_it_and_dies_with_its_claim_or_of_age():
    log = log_of(payload("CallStarted"))
    log.add_interim(interim(after=3))
    assert (types_of(log, cursor=2), types_of(log, cursor=3)) == ([], ["Results"])
    assert types_of(log, now=NOW + INTERIM_SECONDS) == []
    log.add(2, 20, payload("CallResumed", epoch="e2"))
    assert types_of(log) == []


def test_an_outline_says_where_a_call_stands_and_nothing_of_what_was_said():
    log = log_of(payload("CallStarted", startedAt=5), final(0.0, 1.0), payload("CallEnded"))
    log.add_interim(interim())
    log.add(9, 90, final(5.0, 1.0))
    outline = log.outline()
    assert (outline.records, outline.ahead, outline.interims) == ([], {}, {})
    assert (outline.first, outline.last, outline.ended) == (1, 3, True)
    assert outline.started == log.started
    assert (seqs(log), sorted(log.ahead)) == ([1, 2, 3], [9])
