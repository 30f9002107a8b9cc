"""handler/deepgram/retry.py: which failures pass, how long to wait, how many may try at once."""

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from handler.deepgram.retry import Backoff, Breaker, Trial, judge
from handler.errors import OptionsRejected


def refused(status: int) -> InvalidStatus:
    headers = Headers({"dg-error": "why", "dg-request-id": "7"})
    return InvalidStatus(Response(status, "", headers))


@pytest.mark.parametrize("status", [302, 408, 425, 429, 500, 502, 503])
def test_a_status_that_may_pass_is_tried_again(status):
    error = judge(refused(status), None)
    assert (error.retry, error.reason, error.request_id) == (True, f"HTTP {status}: why", "7")


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 413, 414, 422])
def test_a_refusal_for_good_is_not(status):
    error = judge(refused(status), None)
    assert not error.retry
    assert str(error) == f"HTTP {status}: why (request 7)"


@pytest.mark.parametrize("status", [400, 403, 405, 413, 414, 422])
def test_what_may_be_the_fault_of_a_calls_own_options_is_known_for_that(status):
    error = judge(refused(status), None, options_of_call=True)
    assert isinstance(error, OptionsRejected)
    assert str(error) == f"HTTP {status}: why (request 7)"
    assert not isinstance(judge(refused(status), None), OptionsRejected)


@pytest.mark.parametrize("status", [401, 402, 404, 429, 500])
def test_what_other_options_would_not_mend_is_judged_as_ever(status):
    error = judge(refused(status), None, options_of_call=True)
    assert type(error) is type(judge(refused(status), None))


@pytest.mark.parametrize("code", [None, 1000, 1001, 1006, 1011, 1012, 1013])
def test_a_close_that_may_pass_is_tried_again(code):
    error = judge((code, "because"), "7")
    assert error.retry
    assert str(error) == f"closed with {code or 1006}: because (request 7)"


@pytest.mark.parametrize("code", [1002, 1003, 1007, 1008])
def test_a_close_that_is_our_fault_is_not(code):
    assert not judge((code, ""), None).retry


def test_a_network_that_fails_is_worth_another_try():
    error = judge(OSError(111, "Connection refused"), None)
    assert error.retry
    assert "Connection refused" in error.reason


def test_waits_grow_and_are_capped_and_spread():
    backoff = Backoff(first=0.5, longest=10)
    for failures, longest in ((1, 0.5), (2, 1.0), (3, 2.0), (6, 10.0), (400, 10.0)):
        waits = [backoff.seconds(failures) for _ in range(200)]
        assert 0 <= min(waits) < longest / 4
        assert longest * 3 / 4 < max(waits) <= longest


def test_a_connection_that_lived_begins_afresh():
    backoff = Backoff(good=5)
    assert backoff.failures(7, lived=0) == 8
    assert backoff.failures(7, lived=4.9) == 8
    assert backoff.failures(7, lived=5) == 1


def test_the_breaker_lets_everybody_try_while_all_is_well():
    breaker = Breaker(threshold=5)
    assert [breaker.admit(0.0) for _ in range(100)] == [0.0] * 100
    for _ in range(100):
        breaker.succeeded()
    assert not breaker.open


def test_the_breaker_lets_one_try_at_a_time_after_failures_in_a_row():
    breaker = Breaker(threshold=3, first=1.0, longest=8.0)
    for _ in range(3):
        assert breaker.admit(0.0) == 0
        breaker.failed(0.0, "HTTP 503")
    assert breaker.open
    assert breaker.reason == "HTTP 503"
    assert breaker.admit(0.25) == 0.75
    pauses = []
    now = 1.0
    for _ in range(6):
        assert breaker.admit(now) == 0
        assert breaker.admit(now) > 0  # one is trying
        breaker.failed(now, "HTTP 503")
        pauses.append(breaker.admit(now))
        now += pauses[-1]
    assert pauses == [2.0, 4.0, 8.0, 8.0, 8.0, 8.0]


def test_failures_that_were_on_their_way_count_once():
    breaker = Breaker(threshold=3, first=1.0, longest=8.0)
    for _ in range(100):
        assert breaker.admit(0.0) == 0
    for _ in range(100):
        breaker.failed(0.0, "HTTP 503")
    assert breaker.admit(0.0) == 1.0


def test_the_breaker_opens_the_door_by_and_by():
    breaker = Breaker(threshold=3, first=1.0)
    for _ in range(3):
        breaker.admit(0.0)
        breaker.failed(0.0, "")
    widths = []
    while breaker.open:
        admitted = 0
        while breaker.admit(1.0) == 0:
            admitted += 1
        widths.append(admitted)
        for _ in range(admitted - 1):
            breaker.gave_up()
        breaker.succeeded()
    assert widths == [1, 2, 4, 8, 16, 32]
    assert [breaker.admit(1.0) for _ in range(100)] == [0.0] * 100


def test_an_attempt_that_was_cut_short_blocks_nobody():
    breaker = Breaker(threshold=1, first=1.0)
    breaker.admit(0.0)
    breaker.failed(0.0, "")
    assert breaker.admit(1.0) == 0
    breaker.gave_up()
    assert breaker.admit(1.0) == 0


@pytest.mark.parametrize(
    "settle",
    [
        lambda trial: trial.succeeded(),
        lambda trial: trial.gave_up(),
        lambda trial: trial.failed(0.0, "late news"),
    ],
)
def test_a_trial_counts_by_what_was_learned_first(settle):
    breaker = Breaker(threshold=1, first=1.0)
    breaker.admit(0.0)
    trial = Trial(breaker)
    trial.failed(0.0, "HTTP 503")
    settle(trial)
    assert (breaker.open, breaker.reason, breaker.admit(0.5)) == (True, "HTTP 503", 0.5)


def test_a_trial_that_succeeds_or_is_given_up_holds_back_nobody():
    breaker = Breaker(threshold=1, first=1.0)
    for settle in (Trial.succeeded, Trial.gave_up):
        breaker.admit(0.0)
        settle(Trial(breaker))
    assert not breaker.open
