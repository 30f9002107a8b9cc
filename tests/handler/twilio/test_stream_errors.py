"""handler/twilio/stream_errors.py: what Twilio's errors of media streams mean."""

import pytest

from handler.twilio.stream_errors import PROBLEMS, explain

# As the error pages have them.
DOCUMENTED = {
    31901: "Connection Timeout",
    31902: "Connection Refused",
    31903: "Connection Broken Pipe",
    31910: "SSL Protocol Error",
    31920: "Handshake Error",
    31921: "Close Error",
    31922: "URL schema unsupported",
    31923: "URL malformed",
    31924: "Protocol Error",
    31930: "Buffer Overflow",
    31941: "Invalid Track configuration",
    31950: "Malformed Message",
    31951: "Invalid Message",
}


def test_every_documented_error_has_words():
    assert {code: problem.name for code, problem in PROBLEMS.items()} == DOCUMENTED
    assert all(problem.cause and problem.advice for problem in PROBLEMS.values())
    assert {code for code, problem in PROBLEMS.items() if problem.warning} == {31930, 31950, 31951}


@pytest.mark.parametrize(("code", "name"), DOCUMENTED.items())
def test_an_error_is_known_by_its_code_and_by_its_name(code, name):
    for text in (f"{code}", f"Error {code}: something", f"31999 {code}", f"Stream - {name}"):
        assert explain(text) == PROBLEMS[code]
    assert explain(name.upper().replace(" ", "-")) == PROBLEMS[code]


@pytest.mark.parametrize("text", ["", "something else", "31999", "131921", "319211", "error"])
def test_what_nobody_has_documented_is_not_explained(text):
    assert explain(text) is None
