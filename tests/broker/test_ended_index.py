"""broker/ended_index.py: which calls are over, by their events."""

import json
import random

import pytest
from support.sids import account_sid, call_sid

from broker import ended_index
from broker.ended_index import EndedIndex, Page, Place, Wanted
from broker.records import CallFacts, Record, Stored, call_ended, encode_record, gap, recogniser

ONE, TWO, THREE = (call_sid(number) for number in (1, 2, 3))
A, B, C = "+15550001111", "+15550002222", "+15550003333"
ALL = frozenset({"*"})
ROOM = 2**30
BEGAN = 1_795_341_600_000


def facts(sid: str, from_=None, to=None, **changes) -> CallFacts:
    return CallFacts(
        call_sid=sid,
        account_sid=account_sid(1),
        stream_sid="MZ1",
        started_at=BEGAN,
        from_=from_,
        to=to,
        direction="inbound",
        **changes,
    )


class Story:
    """Events of calls, stored one behind the other, and the index that takes them."""

    def __init__(self, max_bytes: int = ROOM) -> None:
        self.index = EndedIndex(max_bytes)
        self.stream = "ONE"
        self.sequence = 0

    def tell(self, sid: str, record: Record, at: int = 1) -> bool:
        return self.take(encode_record(record, call_sid=sid, seq=1, epoch="i-1", at=at))

    def take(self, data: bytes) -> bool:
        self.sequence += 1
        return self.index.take(self.stream, Stored(self.sequence, "a subject", data, {}))

    def call(self, sid: str, ended_at: int, from_=None, to=None, **changes) -> None:
        self.tell(sid, facts(sid, from_, to, **changes).started())
        self.tell(sid, call_ended(60.0, "completed"), ended_at)

    def sids(self, names=ALL, limit: int = 50, **wanted) -> list[str]:
        return [call.call_sid for call in self.index.find(Wanted(names, limit, **wanted)).calls]


def test_a_call_is_listed_once_it_is_over_with_all_that_is_known_of_it():
    story = Story()
    call = facts(ONE, A, "é", caller_name="Ana", metadata={"order": "7"})
    assert story.tell(ONE, call.started())
    assert (len(story.index), story.sids()) == (0, [])
    ended = call_ended(63.4, "completed", ["r"], "busy")
    assert story.tell(ONE, Record("event", "call", ended.body | {"words": 9}), at=17)
    (found,) = story.index.find(Wanted(ALL, 50)).calls
    assert len(story.index) == 1
    assert json.loads(found.encode()) == {
        "callSid": ONE,
        "from": A,
        "to": "é",
        "direction": "inbound",
        "startedAt": BEGAN,
        "callerName": "Ana",
        "metadata": {"order": "7"},
        "endedAt": 17,
        "duration": 63.4,
        "reason": "completed",
        "callStatus": "busy",
        "words": 9,
    }


def test_of_a_call_whose_beginning_has_expired_its_end_is_told():
    story = Story()
    story.tell(ONE, call_ended(63.4, "crashed"), at=17)
    (found,) = story.index.find(Wanted(ALL, 50)).calls
    assert json.loads(found.encode()) == {
        "callSid": ONE,
        **dict.fromkeys(("from", "to", "direction", "startedAt")),
        "endedAt": 17,
        "duration": 63.4,
        "reason": "crashed",
    }
    assert story.sids({ONE}) == [ONE]


def test_a_call_that_goes_on_is_not_over_until_it_ends_again():
    story = Story()
    story.call(ONE, 10, A)
    story.call(TWO, 20, A)
    story.tell(ONE, facts(ONE).resumed())
    assert story.sids() == story.sids({A}) == [TWO]
    story.tell(ONE, gap(1.0, 2.0, None, "paused"))
    story.tell(ONE, call_ended(90.0, "completed"), at=30)
    assert story.sids() == story.sids({A}) == [ONE, TWO]
    assert json.loads(story.index.find(Wanted(ALL, 1)).calls[0].encode())["duration"] == 90.0


def test_what_tells_of_no_beginning_and_no_end_changes_nothing():
    story = Story()
    assert story.tell(ONE, recogniser("down", "away"))
    assert story.tell(ONE, facts(ONE).resumed())  # of one whose beginning has expired
    assert story.sids() == []


def test_an_event_that_comes_twice_is_taken_once():
    story = Story()
    story.call(ONE, 10, A)
    again = encode_record(facts(ONE, A).started(), call_sid=ONE, seq=1, epoch="i", at=1)
    assert story.index.take("ONE", Stored(1, "a subject", again, {}))
    assert story.sids() == [ONE]


@pytest.mark.parametrize(
    "data",
    [
        b"not ours",
        b'{"type":"CallEnded","at":1}',
        b'{"type":"CallEnded","callSid":"CA*","at":1}',
        b'{"type":"CallEnded","callSid":"%s"}' % ONE.encode(),
        b'{"type":"CallEnded","callSid":"%s","at":0}' % ONE.encode(),
        b'{"type":"CallStarted","callSid":"%s","at":1,"from":7}' % ONE.encode(),
        b'{"type":"CallEnded","callSid":"%s","at":99999999999999999999}' % ONE.encode(),
    ],
)
def test_what_is_not_ours_is_left_out(data):
    story = Story()
    assert not story.take(data)
    assert story.sids() == []


def test_the_newest_come_first_and_of_equal_ones_each_has_its_place():
    story = Story()
    for sid, at in ((TWO, 20), (ONE, 10), (THREE, 20)):
        story.call(sid, at)
    assert story.sids() == [THREE, TWO, ONE]
    assert story.sids(since=20) == [THREE, TWO]
    assert story.sids(before=Place(20, "")) == [ONE]
    assert story.sids(since=10, before=Place(10, "")) == []


def test_a_token_sees_its_calls_and_those_of_its_numbers_once():
    story = Story()
    story.call(ONE, 10, A, B)
    story.call(TWO, 20, B, A)
    story.call(THREE, 30, C, B)
    assert story.sids({A}) == [TWO, ONE]
    assert story.sids({A, B}) == [THREE, TWO, ONE]
    assert story.sids({A, ONE}) == [TWO, ONE]
    assert story.sids({THREE, C, call_sid(4)}) == [THREE]
    assert story.sids({"+15550009999"}) == story.sids(set()) == []


def test_a_call_of_a_number_to_itself_is_told_once():
    story = Story()
    story.call(ONE, 10, A, A)
    assert story.sids({A}) == story.sids(number=A) == [ONE]
    story.index.forget(ONE)
    assert story.sids({A}) == []


def test_of_a_number_those_are_told_that_may_be_seen():
    story = Story()
    story.call(ONE, 10, A, B)
    story.call(TWO, 20, C, B)
    assert story.sids(number=B) == [TWO, ONE]
    assert story.sids({A}, number=B) == [ONE]
    assert story.sids({TWO}, number=B) == [TWO]
    assert story.sids({B}, number=C) == [TWO]
    assert story.sids({A}, number=C) == story.sids(number="+15550009999") == []


def test_text_in_place_of_a_number_opens_nothing():
    story = Story()
    story.call(ONE, 10, "anonymous", "*")
    assert story.sids({"anonymous"}) == []
    assert story.sids({"*"}) == [ONE]


def test_pages_follow_each_other_whatever_ends_meanwhile():
    story = Story()
    for number in range(1, 8):
        story.call(call_sid(number), number, A)
    seen, before, more = [], None, True
    while more:
        page = story.index.find(Wanted({A}, 3, before=before))
        seen += [call.call_sid for call in page.calls]
        before, more = page.before, page.before is not None
        story.call(call_sid(100 + len(seen)), 100, A)
    assert seen == [call_sid(number) for number in range(7, 0, -1)]


def test_a_page_that_is_full_with_the_last_call_is_the_last():
    story = Story()
    story.call(ONE, 10)
    assert story.index.find(Wanted(ALL, 1)).before is None
    story.call(TWO, 20)
    assert story.index.find(Wanted(ALL, 1)).before == Place(20, TWO)


def test_a_page_ends_with_those_that_were_looked_at(monkeypatch):
    monkeypatch.setattr(ended_index, "MOST_LOOKED_AT", 2)
    story = Story()
    story.call(ONE, 10, A, B)
    for number in (2, 3, 4):
        story.call(call_sid(number), 10 * number, C, B)
    for number in (5, 6, 7):
        story.call(call_sid(number), 10 * number, C, A)
    second = story.index.find(Wanted({A}, 50, number=B))
    assert second == Page([], Place(60, call_sid(6)))
    assert story.sids({A}, number=B, before=second.before) == [ONE]


@pytest.mark.parametrize("limit", [1, 50])
def test_no_page_tells_of_a_call_that_may_not_be_seen(monkeypatch, limit):
    """Neither whose it is, nor when it ended, nor that there is one."""
    monkeypatch.setattr(ended_index, "MOST_LOOKED_AT", 2)
    story = Story()
    story.call(ONE, 10, A, B)
    for number in (2, 3, 4):
        story.call(call_sid(number), 10 * number, C, B)
    for names in ({A}, {ONE}):
        page = story.index.find(Wanted(names, limit, number=B))
        assert [call.call_sid for call in page.calls] == [ONE]
        assert page.before is None
    assert story.index.find(Wanted({"+15550004444"}, limit, number=B)) == Page([], None)


def test_what_is_not_kept_any_more_is_forgotten():
    story = Story()
    for number, sid in enumerate((ONE, TWO, THREE), 1):
        story.call(sid, number, A)
    story.index.forget_oldest(lambda call: call.call_sid == TWO)
    assert story.sids() == story.sids({A}) == [THREE, TWO]
    story.index.forget(TWO)
    story.index.forget(TWO)
    story.index.forget_oldest(lambda _: False)
    assert (len(story.index), story.sids({A})) == (0, [])
    story.call(ONE, 10, A)
    story.tell(TWO, facts(TWO).started())
    story.index.clear()
    assert (len(story.index), story.sids({A}), story.sids({ONE})) == (0, [], [])


def test_without_room_those_go_of_which_nothing_was_heard_for_longest():
    story = Story(max_bytes=20_000)
    story.tell(call_sid(0), facts(call_sid(0)).started())  # it goes on, and says nothing
    for number in range(1, 101):
        story.call(call_sid(number), number)
    kept = len(story.index)
    assert 20 < kept < 40
    assert story.index.dropped == 101 - kept
    assert story.sids(limit=200) == [call_sid(number) for number in range(100, 100 - kept, -1)]
    # The beginning of that call is forgotten: what it ends with is known all the same.
    story.tell(call_sid(0), call_ended(1.0, "completed"), at=200)
    assert story.sids(limit=1) == [call_sid(0)]


def test_without_room_the_oldest_of_all_streams_go_though_one_was_read_behind_the_other():
    story = Story(max_bytes=20_000)
    numbers = range(1, 101)
    for story.stream, own in (("ONE", numbers[::2]), ("TWO", numbers[1::2])):
        for number in own:
            story.call(call_sid(number), number)
    kept = len(story.index)
    assert 20 < kept < 40
    assert story.sids(limit=200) == [call_sid(number) for number in range(100, 100 - kept, -1)]


def test_what_one_stream_does_not_keep_is_forgotten_though_another_keeps_what_is_older():
    story = Story()
    for story.stream, sid in (("ONE", ONE), ("TWO", TWO)):
        story.call(sid, 10, A)
    story.index.forget_oldest(lambda call: call.stream == "ONE")
    assert len(story.index) == 1
    assert story.sids({A}) == story.sids({ONE, TWO}) == [ONE]


def test_whatever_comes_the_lists_are_those_of_what_is_kept():
    source = random.Random(7)
    story, ended = Story(), {}
    for at in range(1, 600):
        sid = call_sid(source.randrange(40))
        match source.randrange(4):
            case 0 | 1:
                numbers = source.choice([A, B, C]), source.choice([A, B, C])
                story.call(sid, at, *numbers)
                ended[sid] = (at, {*numbers})
            case 2:
                story.tell(sid, facts(sid).resumed())
                ended.pop(sid, None)
            case 3:
                story.index.forget(sid)
                ended.pop(sid, None)
        newest = sorted(ended, key=lambda sid: ended[sid][0], reverse=True)
        assert story.sids() == newest
        assert story.sids({A}) == [sid for sid in newest if A in ended[sid][1]]
        assert story.sids({B, ONE}, number=C) == [
            sid for sid in newest if C in ended[sid][1] and (B in ended[sid][1] or sid == ONE)
        ]
