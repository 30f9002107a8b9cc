"""handler/forward/answers.py: which answers end an attempt, a record, a call."""

import pytest

from handler.forward.answers import LONGEST_WAIT, TAKEN, Outcome, Verdict, judge

NOW = 1_795_341_600.0  # Sun, 22 Nov 2026 10:00:00 GMT


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_each_2xx_takes_it(status):
    assert judge(status, "5", NOW) is TAKEN


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(410, Verdict.GONE), (413, Verdict.REFUSED), (422, Verdict.REFUSED)],
)
def test_some_answers_are_for_good(status, verdict):
    assert judge(status, None, NOW) == Outcome(verdict, f"HTTP {status}")


def test_what_is_too_large_for_now_is_tried_again():
    assert judge(413, "5", NOW) == Outcome(Verdict.FAILED, "HTTP 413", 5.0)
    assert judge(422, "5", NOW).verdict is Verdict.REFUSED


@pytest.mark.parametrize("status", [100, 400, 401, 403, 404, 409, 429, 500, 502, 503, 599])
def test_what_somebody_may_mend_is_tried_again(status):
    assert judge(status, None, NOW) == Outcome(Verdict.FAILED, f"HTTP {status}")


def test_a_redirection_is_a_failure_that_says_what_to_do():
    assert "set FORWARD_URL to where it leads" in judge(308, None, NOW).detail


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        ("999999999999999", LONGEST_WAIT),
        ("Sun, 22 Nov 2026 10:00:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 09:00:30 GMT", 0.0),
        ("Sun, 22 Nov 2099 10:00:30 GMT", LONGEST_WAIT),
        ("soon", 0.0),
        ("-5", 0.0),
        ("²", 0.0),
        ("", 0.0),
    ],
)
def test_a_receiver_is_left_alone_as_long_as_it_asks_within_a_bound(text, seconds):
    assert judge(503, text, NOW).wait == seconds
