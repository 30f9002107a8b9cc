"""handler/twilio/forms.py: what a webhook brings."""

from urllib.parse import urlencode

import pytest

from handler.twilio.forms import MAX_FIELDS, Form, read_form


def test_fields_stand_in_their_order_and_blank_ones_too():
    body = b"CallSid=CA1&CallerCity=&From=%2B15550000001&Digits=1&Digits=2&Name=J%C3%B6rg+T"
    assert read_form(body) == Form(
        (
            ("CallSid", "CA1"),
            ("CallerCity", ""),
            ("From", "+15550000001"),
            ("Digits", "1"),
            ("Digits", "2"),
            ("Name", "Jörg T"),
        )
    )


def test_the_first_value_that_says_something_is_given():
    form = Form((("a", " "), ("a", " x "), ("a", "y"), ("b", "")))
    assert [form.get(name) for name in "abc"] == ["x", None, None]


def test_no_body_is_a_form_of_no_fields():
    assert read_form(b"") == Form()


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"From=\xff", "percent-encoded UTF-8"),
        (b"From=%ff", "percent-encoded UTF-8"),
        (urlencode({f"n{n}": n for n in range(MAX_FIELDS + 1)}).encode(), "more than 500 fields"),
    ],
)
def test_what_is_no_form_is_refused_in_words(body, problem):
    with pytest.raises(ValueError, match=problem):
        read_form(body)
