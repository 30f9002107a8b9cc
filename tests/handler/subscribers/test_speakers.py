"""handler/subscribers/speakers.py: who is the caller and who the callee."""

import pytest

from handler.subscribers.speakers import Speakers, speakers


@pytest.mark.parametrize(
    ("direction", "inbound", "outbound"),
    [
        ("inbound", "Caller", "Callee"),
        ("outbound-api", "Callee", "Caller"),
        ("outbound-dial", "Callee", "Caller"),
        ("", "Caller", "Callee"),
        (None, "Caller", "Callee"),
    ],
)
def test_the_sides_are_named_by_the_direction(direction, inbound, outbound):
    assert speakers(direction) == Speakers(inbound, outbound)
    assert speakers(direction, "Ana") == Speakers("Ana", outbound)
    assert speakers(direction, outbound="Ben") == Speakers(inbound, "Ben")


def test_both_sides_together_have_no_name():
    names = Speakers("Ana", "Ben")
    sides = [names.of(track) for track in ("inbound", "outbound", None, "")]
    assert sides == ["Ana", "Ben", "", ""]
