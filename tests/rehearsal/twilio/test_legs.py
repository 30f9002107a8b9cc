"""How far a leg has come, and who is told."""

import pytest

from rehearsal.twilio.legs import Interest, Leg, Status

EVENTS = ("initiated", "ringing", "answered", "completed")


def leg(*events: str, **more) -> Leg:
    return Leg(
        sid="CA1",
        account_sid="AC1",
        from_="+1",
        to="+2",
        direction="inbound",
        created_at=1.0,
        interest=Interest("https://h/status", "POST", events),
        **more,
    )


def test_each_change_is_told_with_a_number_from_0():
    one = leg(*EVENTS)
    ways = (Status.INITIATED, Status.RINGING, Status.IN_PROGRESS, Status.COMPLETED)
    told = [one.move(status, 10.0 * number) for number, status in enumerate(ways, start=1)]
    assert [callback.form["CallStatus"] for callback in told] == [str(status) for status in ways]
    assert [callback.form["SequenceNumber"] for callback in told] == ["0", "1", "2", "3"]
    assert [callback.url for callback in told] == ["https://h/status"] * 4
    assert (one.answered_at, one.ended_at, one.duration) == (30.0, 40.0, 10)
    assert told[3].form["CallDuration"] == "10"
    assert "CallDuration" not in told[2].form


def test_what_nobody_asked_for_is_not_told():
    one = leg("completed")
    assert one.move(Status.RINGING, 2.0) is None
    assert one.move(Status.BUSY, 3.0).form["SequenceNumber"] == "0"
    other = leg()
    other.interest = Interest()
    assert other.move(Status.COMPLETED, 2.0) is None


def test_what_has_ended_stays_so():
    one = leg(*EVENTS)
    assert one.move(Status.QUEUED, 2.0) is None  # it is that already
    one.move(Status.NO_ANSWER, 3.0)
    assert one.move(Status.IN_PROGRESS, 4.0) is None
    assert (one.status, one.duration, one.updated_at) == (Status.NO_ANSWER, None, 3.0)


@pytest.mark.parametrize(
    ("status", "code"),
    [(Status.BUSY, "486"), (Status.FAILED, "404"), (Status.COMPLETED, "200")],
)
def test_an_end_is_told_with_sip_s_code(status, code):
    callback = leg("completed", parent_sid="CA0").move(status, 2.0)
    assert callback.form["SipResponseCode"] == code
    assert callback.form["ParentCallSid"] == "CA0"
