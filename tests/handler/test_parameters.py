"""handler/parameters.py: what <Parameter>s say, however they are spelled and filled."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.printable import shown
from handler.parameters import (
    MAX_METADATA,
    MAX_METADATA_BYTES,
    MAX_NAME,
    Parameters,
    fits,
    read_parameters,
)


def read(**parameters: str) -> Parameters:
    return read_parameters(parameters)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", None),
        ("{{From}}", None),  # a TwiML Bin that is no template
        ("+15550100001", "+15550100001"),
        (" 15550100001", "+15550100001"),  # a query string made the plus sign a blank
        ("anonymous", "anonymous"),
        ("sip:desk@example.com", "sip:desk@example.com"),
        (" not a number", " not a number"),
    ],
)
def test_a_number_is_what_was_given_if_it_was(text, number):
    found = read(**{"from": text, "to": text})
    assert (found.from_, found.to) == (number, number)


@pytest.mark.parametrize(
    ("parameters", "direction"),
    [
        ({}, None),
        ({"direction": "{{Direction}}"}, None),
        ({"direction": "outbound-api"}, "outbound-api"),
    ],
)
def test_a_direction_is_what_was_given_if_it_was(parameters, direction):
    assert read(**parameters).direction == direction


@pytest.mark.parametrize(
    ("from_", "to", "direction"),
    [
        ("From", "To", "Direction"),
        ("FROM", "TO", "DIRECTION"),
        ("Caller", "Called", "CallDirection"),
        ("from_number", "to-number", "call_direction"),
        ("callerNumber", "Called Number", "direction"),
        ("caller.id", "callee", "direction"),
    ],
)
def test_a_parameter_is_read_however_its_name_is_spelled(from_, to, direction):
    found = read(**{from_: "+15550100001", to: "+15550100002", direction: "inbound"})
    assert (found.from_, found.to, found.direction) == ("+15550100001", "+15550100002", "inbound")
    assert not found.metadata


def test_of_two_spellings_the_plainest_that_says_something_counts():
    assert read(Caller="+15550100002", From="+15550100001").from_ == "+15550100001"
    assert read(From="", caller="+15550100002").from_ == "+15550100002"
    assert read(**{"from": "{{From}}", "caller": "+15550100002"}).from_ == "+15550100002"
    assert read(**{"From": "+15550100001", "from": "+15550100002"}).from_ == "+15550100001"


@pytest.mark.parametrize(
    ("caller", "callee"),
    [("callerName", "calleeName"), ("Caller Name", "CALLEE_NAME"), ("caller-name", "calledName")],
)
def test_names_of_the_sides_are_read_however_they_are_spelled(caller, callee):
    found = read(**{caller: "Ana", callee: "Ben"})
    assert (found.caller_name, found.callee_name) == ("Ana", "Ben")
    assert not found.metadata


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("", None),
        (" \n ", None),
        ("{{CallerName}}", None),
        (" Ana María O'Neill ", "Ana María O'Neill"),
        ("<b>Ana</b> & Co.", "<b>Ana</b> & Co."),  # whoever shows it escapes it
        ("Ana\r\nBen: Yes", "Ana  Ben: Yes"),
        ("\x1b[2JAna\u202e\ud800", "\ufffd[2JAna\ufffd\ufffd"),
        ("a" * MAX_NAME, "a" * MAX_NAME),
        ("a" * (MAX_NAME + 1), "a" * (MAX_NAME - 1) + "…"),
        ("a" * (MAX_NAME - 2) + " bc", "a" * (MAX_NAME - 2) + "…"),
    ],
)
def test_a_name_is_one_line_that_may_be_shown(text, name):
    found = read(callerName=text, calleeName=text)
    assert (found.caller_name, found.callee_name) == (name, name)


def test_options_are_as_they_were_given():
    assert read(Options="language=de&keyterm=a+b").options == "language=de&keyterm=a+b"
    assert read(options="{{Options}}").options is None


def test_what_says_nothing_to_us_is_metadata_in_its_own_spelling():
    found = read(**{"From": "+1", "orderId": "7", "Order ID": "8", "empty": "", "callerName": "A"})
    assert found.metadata == {"orderId": "7", "Order ID": "8", "empty": ""}
    assert found.unread == ()


def test_what_is_a_secret_or_reserved_is_no_metadata():
    found = read(Ticket="secret", **{"partyline-x": "1", "Party Line": "2", "x": "3"})
    assert found.metadata == {"x": "3"}
    assert found.unread == ("partyline-x", "Party Line")


def test_metadata_that_was_not_filled_in_or_has_no_name_is_left_out():
    found = read(**{"order": "{{Order}}", " ": "1", "x": "2"})
    assert found.metadata == {"x": "2"}
    assert found.unread == ("order", " ")


def test_metadata_may_be_shown_and_written_as_json():
    found = read(**{"a\nb": "c\td", "\ud800": "\x00\u202e"})
    assert found.metadata == {"a b": "c d", "\ufffd": "\ufffd\ufffd"}
    assert msgspec.json.decode(msgspec.json.encode(found.metadata)) == found.metadata
    # Of two that look alike the first stands.
    assert read(**{"a\tb": "1", "a b": "2"}).metadata == {"a b": "1"}


def test_metadata_is_bounded_in_number():
    many = {f"key{number}": "x" for number in range(MAX_METADATA + 2)}
    found = read(**many)
    assert list(found.metadata) == list(many)[:MAX_METADATA]
    assert found.unread == (f"key{MAX_METADATA}", f"key{MAX_METADATA + 1}")


def test_metadata_is_bounded_in_size_and_what_still_fits_is_kept():
    many = {f"key{number}": "é" * 490 for number in range(5)} | {"small": "x"}
    found = read(**many)
    assert list(found.metadata) == ["key0", "key1", "key2", "key3", "small"]
    assert found.unread == ("key4",)


@given(st.dictionaries(st.text(st.characters(), max_size=60), st.text(st.characters())))
def test_whatever_is_given_what_is_published_is_bounded_and_may_be_shown(parameters):
    found = read_parameters(parameters)
    metadata = found.metadata
    assert len(metadata) <= MAX_METADATA
    sizes = [len(text.encode()) for item in metadata.items() for text in item]
    assert sum(sizes) <= MAX_METADATA_BYTES
    for text in (*metadata, *metadata.values(), found.caller_name or "", found.callee_name or ""):
        assert shown(text) == text


def test_twilio_takes_a_name_and_a_value_of_fewer_than_500_characters():
    assert fits("from", "1" * 495)
    assert not fits("from", "1" * 496)
