"""handler/subscribers/speakers.py: who is the caller and who the callee."""

import pytest

from handler.subscribers.speakers import Speakers, speakers, speakers_of


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


@pytest.mark.parametrize(
    ("direction", "inbound", "outbound"),
    [("inbound", "Ana", "Callee"), ("outbound-api", "Callee", "Ana"), (None, "Ana", "Callee")],
)
def test_a_side_has_the_name_that_its_call_gives_it(direction, inbound, outbound):
    started = {"type": "CallStarted", "direction": direction, "callerName": "Ana"}
    assert speakers_of(started) == Speakers(inbound, outbound)
    both = {**started, "calleeName": "Ben"}
    assert {speakers_of(both).inbound, speakers_of(both).outbound} == {"Ana", "Ben"}
    # Whoever asks for other names gets them.
    assert speakers_of(both, "I", "O") == Speakers("I", "O")


def test_a_call_whose_beginning_is_not_known_has_sides_without_names():
    assert speakers_of({}) == Speakers("Caller", "Callee")


def test_both_sides_together_have_no_name():
    names = Speakers("Ana", "Ben")
    sides = [names.of(track) for track in ("inbound", "outbound", None, "")]
    assert sides == ["Ana", "Ben", "", ""]
