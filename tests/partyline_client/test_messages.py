"""clients/python/partyline_client/messages.py: the messages are those of docs/schemas."""

import dataclasses
import json

import pytest
from support.messages import CALL, final, message
from support.schemas import DIRECTORY

from partyline_client import messages
from partyline_client.messages import Final, Interim, State, StateChanged
from partyline_client.wire import wire_name

SCHEMAS = {path.stem: json.loads(path.read_text()) for path in DIRECTORY.glob("*.json")}
# The wire's alone: which version of which message it is, and the channel that the track stands for.
UNSAID = {"type", "v", "channel", "channel_index"}


def shape(kind: type) -> tuple[set[str], set[str]]:
    """Return what a message of ours has, and what of it must be, in the words of the wire."""
    fields = [one for one in dataclasses.fields(kind) if one.name != "wire"]
    needed = [
        one.name for one in fields if one.default is one.default_factory is dataclasses.MISSING
    ]
    return {wire_name(one.name) for one in fields}, set(map(wire_name, needed))


@pytest.mark.parametrize("name", sorted(set(SCHEMAS) - {"Results"}))
def test_a_message_has_what_its_schema_has(name):
    has, needs = shape(getattr(messages, name))
    assert has == set(SCHEMAS[name]["properties"]) - UNSAID
    assert needs == set(SCHEMAS[name]["required"]) - UNSAID


def test_results_are_a_final_or_an_interim_with_what_was_said():
    schema = SCHEMAS["Results"]
    spoken = schema["properties"]["channel"]["properties"]["alternatives"]["items"]
    both = {"transcript", "words", "confidence"}
    assert set(spoken["properties"]) == both
    known = set(schema["properties"]) | both
    head = {"callSid", "track", "at", "epoch", "start", "duration"}
    for kind, own in ((Final, {"seq", "speech_final"}), (Interim, {"after"})):
        has, _ = shape(kind)
        assert has == head | both | own
        assert has < known
    has, needs = shape(messages.Word)
    schema = spoken["properties"]["words"]["items"]
    assert (has, needs) == (set(schema["properties"]), set(schema["required"]))


def test_messages_are_compared_by_what_they_say():
    one, other = message(final("Yes.", 2)), message(dict(reversed(final("Yes.", 2).items())))
    assert one.wire != other.wire
    assert one == other
    assert "wire" not in repr(one)


def test_a_change_of_state_is_compared_without_its_cause():
    lost = StateChanged(state=State.OFFLINE, reason="lost", cause=OSError("reset"))
    assert lost == StateChanged(state=State.OFFLINE, reason="lost")
    assert CALL not in repr(lost)
