"""handler/probe/delays.py: which words came, and how late."""

import math

import pytest

from handler.probe.delays import Heard, arrived, percentile, words


def result(text, end=2.0, *, seq=1, track="inbound", **more):
    alternative = {"transcript": text, "words": [{"word": text, "start": 1.0, "end": end}]}
    body = {"type": "Results", "track": track, "start": 1.0, "duration": 3.0}
    body |= {"channel": {"alternatives": [alternative | more]}}
    return body if seq is None else body | {"seq": seq}


def test_words_are_compared_without_their_signs():
    assert words("I\N{RIGHT SINGLE QUOTATION MARK}m fine: how's 12th street?") == [
        "i'm",
        "fine",
        "how's",
        "12th",
        "street",
    ]


@pytest.mark.parametrize(
    ("came", "count"),
    [("a b c d", 4), ("a x c d", 3), ("", 0), ("d c b a", 1), ("a a b c c d e", 4)],
)
def test_words_that_came_in_their_order_are_counted(came, count):
    assert arrived(["a", "b", "c", "d"], came.split()) == count


@pytest.mark.parametrize(("share", "value"), [(0.5, 3), (0.95, 5), (0, 1), (1, 5)])
def test_a_percentile_is_a_value_that_was_measured(share, value):
    assert percentile([5, 1, 4, 2, 3], share) == value
    assert percentile([7], share) == 7


def test_a_final_is_late_by_the_time_since_its_last_word_had_been_said():
    heard = Heard()
    heard.receive(result("one", 2.0), at=2.5)
    heard.receive(result("two", 4.0, seq=2, track="outbound"), at=5.0)
    heard.receive(result("three", words=[], seq=3), at=4.25)
    assert heard.delays == [0.5, 1.0, 0.25]
    assert heard.words == {"inbound": ["one", "three"], "outbound": ["two"]}
    assert heard.types == ["Results", "Results", "Results"]


def test_an_interim_brings_the_first_words_and_nothing_that_stands():
    heard = Heard()
    heard.receive(result("", seq=None), at=0.5)
    heard.receive(result("wan", seq=None), at=0.75)
    heard.receive(result("one"), at=1.5)
    assert (heard.first, heard.words) == (0.75, {"inbound": ["one"]})
    assert heard.delays == [-0.5]


def test_the_end_is_kept():
    heard = Heard()
    heard.receive({"type": "CallStarted", "seq": 1}, at=0)
    assert heard.types == ["CallStarted"]
    heard.receive({"type": "CallEnded", "seq": 2, "reason": "completed"}, at=1)
    assert heard.end == {"type": "CallEnded", "seq": 2, "reason": "completed"}
    assert heard.types == ["CallStarted", "CallEnded"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"channel": {"alternatives": []}},
        {"channel": None},
        {"channel": {"alternatives": [{"transcript": "a"}]}, "start": "x", "duration": 1},
        {"channel": {"alternatives": [{"transcript": "a", "words": [{"end": "x"}]}]}},
        {"channel": {"alternatives": ["a"]}},
    ],
)
def test_a_result_that_cannot_be_read_says_nothing(body):
    heard = Heard()
    heard.receive({"type": "Results", "seq": 1, **body}, at=math.inf)
    assert (heard.words, heard.delays, heard.first) == ({}, [], None)
