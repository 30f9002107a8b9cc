"""What the REST API answers."""

from rehearsal.errors import RestError
from rehearsal.twilio import resources
from rehearsal.twilio.legs import Leg, Status
from rehearsal.twilio.numbers import Number

DATE = "Thu, 01 Jan 1970 00:00:01 +0000"


def leg() -> Leg:
    return Leg(
        sid="CA1",
        account_sid="AC1",
        from_="+1",
        to="+2",
        direction="outbound-api",
        created_at=1.0,
    )


def test_a_call_that_has_begun_has_no_end():
    one = leg()
    one.move(Status.INITIATED, 1.0)
    described = resources.call(one)
    assert described["status"] == "queued"
    assert described["date_created"] == DATE
    assert [described[name] for name in ("start_time", "end_time", "duration")] == [None] * 3
    one.move(Status.IN_PROGRESS, 1.0)
    one.move(Status.COMPLETED, 62.0)
    described = resources.call(one)
    assert (described["status"], described["duration"]) == ("completed", "61")
    assert described["start_time"] == DATE
    assert described["uri"] == "/2010-04-01/Accounts/AC1/Calls/CA1.json"


def test_a_stream_is_in_progress_or_stopped():
    described = resources.stream(leg(), "MZ1", "tr", stopped=False, at=1.0)
    assert described == {
        "sid": "MZ1",
        "account_sid": "AC1",
        "call_sid": "CA1",
        "name": "tr",
        "status": "in-progress",
        "date_updated": DATE,
        "uri": "/2010-04-01/Accounts/AC1/Calls/CA1/Streams/MZ1.json",
    }
    assert resources.stream(leg(), "MZ1", "tr", stopped=True, at=1.0)["status"] == "stopped"


def test_a_number_without_a_name_is_called_by_itself():
    described = resources.number(Number("PN1", "AC1", "+1", voice_url="https://h/", created_at=1.0))
    assert (described["friendly_name"], described["voice_url"]) == ("+1", "https://h/")
    assert described["uri"] == "/2010-04-01/Accounts/AC1/IncomingPhoneNumbers/PN1.json"


def test_an_account_is_active():
    described = resources.account("AC1", 1.0)
    assert (described["status"], described["date_created"]) == ("active", DATE)


def test_a_list_comes_in_pages_that_lead_to_each_other():
    found = [{"sid": str(number)} for number in range(5)]

    def page(number: int, query: str = "") -> dict:
        return resources.page("calls", "/C.json", found, number=number, size=2, query=query)

    assert [[one["sid"] for one in page(number)["calls"]] for number in range(4)] == [
        ["0", "1"],
        ["2", "3"],
        ["4"],
        [],
    ]
    assert page(0)["next_page_uri"] == "/C.json?PageSize=2&Page=1"
    assert page(0)["previous_page_uri"] is None
    assert page(2, "Status=busy")["previous_page_uri"] == "/C.json?Status=busy&PageSize=2&Page=1"
    assert page(2)["next_page_uri"] is None


def test_a_refusal_is_in_twilio_s_form():
    assert resources.error(RestError(404, 20404, "not there")) == {
        "code": 20404,
        "message": "not there",
        "more_info": "https://www.twilio.com/docs/errors/20404",
        "status": 404,
    }
