"""broker/deserted.py: which calls of others are to be ended, and when; time comes as a number."""

import msgspec
import pytest
from support.sids import account_sid, call_sid

from broker.deserted import ANSWER_SECONDS, ASK_SECONDS, Deserted, Due
from broker.entries import CallEntry, CallStatus

GRACE, REFRESH = 10.0, 5.0
SILENCE = REFRESH + ANSWER_SECONDS
CALL = CallEntry(
    call_sid=call_sid(1), account_sid=account_sid(1), started_at=1, epoch="i1-1", owner="i1"
)
OVER = CallStatus(account_sid(1), call_sid(1), "completed")


class Looks:
    """What this process, ``i9``, sees, and does."""

    def __init__(self, entry: CallEntry | None = CALL, *, alone: bool = False) -> None:
        self.entry, self.alone = entry, alone
        self.deserted = Deserted("i9", GRACE, REFRESH)

    def hear(self, status: CallStatus = OVER) -> None:
        self.deserted.hear(status, self.entry)

    def look(self, elapsed: float = 1.0) -> list[Due]:
        return self.deserted.look(self.ownerless, lambda _: self.entry, elapsed)

    def to_ask(self) -> list[CallEntry]:
        return self.deserted.to_ask(self.ownerless)

    @property
    def ownerless(self) -> list[CallEntry]:
        return [self.entry] if self.alone and self.entry is not None else []

    def change(self, **changes: object) -> None:
        assert self.entry is not None
        self.entry = msgspec.structs.replace(self.entry, **changes)


def test_a_call_without_an_owner_waits_for_one_as_long_as_it_may():
    calls = Looks(alone=True)
    assert calls.look(GRACE - 1) == []
    assert calls.look(1) == [Due(CALL, None, silent=False)]


def test_the_time_without_an_owner_begins_anew_when_one_was_there():
    calls = Looks(alone=True)
    calls.look(GRACE - 1)
    calls.alone = False
    assert calls.look() == []
    calls.alone = True
    assert calls.look(GRACE - 1) == []
    calls.change(epoch="i2-1")
    assert calls.look(GRACE - 1) == []


def test_one_that_is_over_by_twilios_word_waits_for_nobody():
    calls = Looks(alone=True)
    calls.look()
    calls.hear()
    assert calls.look() == [Due(CALL, "completed", silent=False)]


def test_what_its_owner_had_heard_before_it_died_counts():
    calls = Looks(alone=True)
    calls.change(call_status="busy")
    [due] = calls.look()
    assert (due.status, due.silent) == ("busy", False)


def test_its_record_says_that_it_is_over_or_how_it_lost_its_owner():
    over, alone = Due(CALL, "busy", silent=True), Due(CALL, None, silent=False)
    assert (over.reason, alone.reason) == ("completed", CALL.abandoned)


def test_an_owner_that_lives_answers_and_ends_its_call_itself():
    calls = Looks()
    calls.hear()
    assert calls.look(SILENCE - 1) == []
    calls.change(call_status="completed")
    assert calls.look(3600) == calls.look(3600) == []


def test_an_owner_that_gave_no_sign_of_life_and_no_answer_is_dead_though_its_lease_is_not_over():
    calls = Looks()
    calls.hear()
    assert calls.look(SILENCE - 1) == []
    assert calls.look(1) == [Due(CALL, "completed", silent=True)]
    calls.entry = None  # it was ended
    assert calls.look(3600) == []


def test_whoever_has_claimed_the_call_since_knows_better():
    for alone in (False, True):
        calls = Looks(alone=alone)
        calls.hear()
        calls.change(epoch="i2-1", owner="i2")
        assert calls.look(SILENCE) == []
        calls.hear()  # said again
        [due] = calls.look(SILENCE)
        assert (due.entry, due.status, due.silent) == (calls.entry, "completed", not alone)


def test_a_status_of_another_account_or_of_a_call_that_nobody_lists_is_not_kept():
    calls = Looks()
    calls.hear(CallStatus(account_sid(2), call_sid(1), "completed"))
    calls.entry = None
    calls.hear()
    calls.entry = CALL
    assert calls.look(3600) == []
    assert calls.deserted._waits == {}


def test_our_own_calls_are_known_to_us():
    for alone in (False, True):
        calls = Looks(alone=alone)
        calls.change(owner="i9")
        calls.hear()
        assert calls.to_ask() == []
        assert calls.look(3600) == []


def test_it_is_asked_now_and_then_whether_a_call_without_an_owner_is_over():
    calls = Looks(alone=True)
    assert calls.to_ask() == [CALL]
    calls.look(ASK_SECONDS / 2)
    assert calls.to_ask() == []
    calls.look(ASK_SECONDS / 2)
    assert calls.to_ask() == [CALL]
    calls.hear()
    calls.look(ASK_SECONDS)
    assert calls.to_ask() == []


@pytest.mark.parametrize("alone", [False, True])
def test_when_twilio_said_so_is_known_of_whoever_is_ended_by_its_word(alone):
    calls = Looks(alone=alone)
    calls.hear(CallStatus(account_sid(1), call_sid(1), "completed", 1_795_341_612_345))
    assert [due.over_at for due in calls.look(SILENCE)] == [1_795_341_612_345]
