"""handler/twilio/pace.py: how many requests at once, and how long to wait."""

import pytest

from handler.twilio.pace import (
    FIRST_PAUSE,
    IN_FLIGHT,
    LONGEST_PAUSE,
    LONGEST_RETRY_AFTER,
    Pace,
    pause,
    read_retry_after,
)


def test_a_refusal_halves_what_may_be_on_its_way_and_there_is_always_one():
    pace = Pace()
    rooms = [pace.room]
    for now in range(10):
        assert pace.refused(now, now)
        rooms.append(pace.room)
    assert rooms == [IN_FLIGHT, 10, 5, 2, 1, 1, 1, 1, 1, 1, 1]


def test_those_that_left_before_say_nothing_new():
    pace = Pace()
    assert pace.refused(sent_at=1.0, now=2.0)
    assert not pace.refused(sent_at=1.9, now=2.1)
    assert pace.room == IN_FLIGHT // 2
    assert pace.refused(sent_at=2.0, now=2.2)
    assert pace.room == IN_FLIGHT // 4


def test_answers_give_the_room_back_row_by_row_and_no_more_than_there_was():
    pace = Pace(4)
    for now in range(2):
        pace.refused(now, now)
    rooms = []
    for _ in range(12):
        pace.answered()
        rooms.append(pace.room)
    assert rooms == [2, 2, 2, 3, 3, 3, 4, 4, 4, 4, 4, 4]


def test_pauses_grow_to_the_longest_and_chance_parts_those_who_failed_together():
    assert [pause(tries, None, 1.0) for tries in range(1, 8)] == [0.25, 0.5, 1, 2, 4, 8, 8]
    assert pause(1, None, 0.0) == FIRST_PAUSE / 2
    assert pause(100_000, None, 1.0) == LONGEST_PAUSE


def test_what_twilio_says_to_wait_is_the_least():
    assert pause(1, 3.0, 0.0) == 3.0 + FIRST_PAUSE / 2


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        (" 3 ", 3.0),
        ("9" * 400, LONGEST_RETRY_AFTER),
        (None, None),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("²", None),
        ("Thu, 30 Jul 2015 20:00:00 GMT", None),
    ],
)
def test_seconds_to_wait_are_read_and_nothing_else(text, seconds):
    assert read_retry_after(text) == seconds
