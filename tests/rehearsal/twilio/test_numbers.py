"""What may be changed of a number, and how numbers are found."""

import pytest

from rehearsal.errors import RestError
from rehearsal.twilio.numbers import Number, Numbers, form_name

URL = "https://calls.example.com/twilio/voice#rc=3&rp=all"


def number(digits: str = "+15550100002") -> Number:
    return Number(f"PN{digits}", "AC1", digits)


def test_what_a_form_names_is_changed_and_nothing_else():
    one = number()
    one.update({"VoiceUrl": URL, "VoiceMethod": "get", "VoiceCallerIdLookup": "true"}, 5.0)
    one.update({"FriendlyName": "Desk", "SmsUrl": "x", "VoiceFallbackUrl": URL}, 6.0)
    assert (one.voice_url, one.voice_method, one.voice_caller_id_lookup) == (URL, "GET", True)
    assert (one.friendly_name, one.voice_fallback_url, one.updated_at) == ("Desk", URL, 6.0)
    one.update({"VoiceUrl": "", "VoiceFallbackUrl": ""}, 7.0)
    assert (one.voice_url, one.voice_fallback_url) == ("", "")


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"VoiceUrl": "http://calls.example.com/"}, 21402),
        ({"StatusCallback": "calls.example.com"}, 21402),
        ({"VoiceUrl": "wss://calls.example.com/"}, 21402),
        ({"VoiceMethod": "PUT"}, 21403),
        ({"VoiceFallbackUrl": URL}, 21405),
    ],
)
def test_what_is_wrong_changes_nothing(form, code):
    one = number()
    with pytest.raises(RestError) as caught:
        one.update({"FriendlyName": "Desk", **form}, 5.0)
    assert (caught.value.status, caught.value.code) == (400, code)
    assert str(caught.value).startswith(f"HTTP 400 {code}: ")
    assert (one.friendly_name, one.updated_at) == ("", 0.0)


def test_numbers_are_found_whole_or_in_part():
    numbers = Numbers({one.sid: one for one in (number(), number("+15550100013"))})
    assert numbers.find("+15550100013").phone_number == "+15550100013"
    assert numbers.find("+1555010001") is None
    found = [
        [one.phone_number for one in numbers.matching(part)] for part in ("", "0013", "010000*")
    ]
    assert found == [["+15550100002", "+15550100013"], ["+15550100013"], ["+15550100002"]]


def test_a_form_spells_in_capitals():
    assert form_name("voice_fallback_url") == "VoiceFallbackUrl"
