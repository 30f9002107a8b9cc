"""The parameters of requests."""

from rehearsal.twilio import forms

SIDS = {"account_sid": "AC1", "call_sid": "CA1"}
CALL = {"from_": "+1", "to": "+2", "status": "ringing", "direction": "inbound"}


def test_a_call_is_told_with_what_is_not_known_left_blank():
    form = forms.leg(**SIDS, **CALL)
    assert {name for name, value in form.items() if not value} == {
        f"{who}{what}"
        for who in ("Called", "Caller", "From", "To")
        for what in ("City", "State", "Zip", "Country")
    }
    assert form["ApiVersion"] == "2010-04-01"
    assert not form.keys() & {"ParentCallSid", "CallerName"}


def test_a_child_leg_and_a_name_are_told():
    form = forms.leg(**SIDS, **CALL, parent_sid="CA0", caller_name="ANN")
    assert (form["ParentCallSid"], form["CallerName"]) == ("CA0", "ANN")


def test_progress_is_told_with_its_number_and_time():
    assert forms.progress(3, 0.0) == {
        "Timestamp": "Thu, 01 Jan 1970 00:00:00 +0000",
        "CallbackSource": "call-progress-events",
        "SequenceNumber": "3",
    }


def test_minutes_are_those_begun():
    assert [forms.ended(seconds, "200")["Duration"] for seconds in (0, 1, 60, 61)] == [
        "0",
        "1",
        "1",
        "2",
    ]
    assert forms.ended(61, "200")["CallDuration"] == "61"


def test_a_dial_is_told_with_how_long_it_lasted_if_it_did():
    assert forms.dialled("CA2", "busy", None) == {
        "DialCallSid": "CA2",
        "DialCallStatus": "busy",
        "DialBridged": "false",
    }
    assert forms.dialled("CA2", "completed", 7)["DialCallDuration"] == "7"


def test_a_failure_is_told():
    assert forms.failed(11200, "https://h/") == {"ErrorCode": "11200", "ErrorUrl": "https://h/"}


def test_a_stream_is_told_by_its_name_or_its_sid():
    def form(name: str, error: str = "") -> dict[str, str]:
        event = {"stream_sid": "MZ1", "event": "stream-started"}
        return forms.stream(**SIDS, **event, at=0.0, name=name, error=error)

    assert form("")["StreamName"] == "MZ1"
    assert form("")["Timestamp"] == "1970-01-01T00:00:00.000Z"
    assert "StreamError" not in form("")
    assert form("tr")["StreamName"] == "tr"
    assert form("tr", "31921 Close Error")["StreamError"] == "31921 Close Error"
