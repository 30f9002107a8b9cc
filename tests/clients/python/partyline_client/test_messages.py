"""clients/python/partyline_client/messages.py: the messages are those of docs/schemas."""

import dataclasses
import json
from typing import Any

import pytest
from support.messages import CALL, final, message
from support.schemas import DIRECTORY

from partyline_client.messages import Final, Interim, ListedCall, State, StateChanged, Word
from partyline_client.wire import TYPES, wire_name

SCHEMAS = {path.stem: json.loads(path.read_text()) for path in DIRECTORY.glob("*.json")}
RESULTS = SCHEMAS["Results"]["properties"]
SPOKEN = RESULTS["channel"]["properties"]["alternatives"]["items"]
# The wire's alone: which version of which message it is, and the channel that the track stands for.
UNSAID = {"type", "v", "channel", "channel_index"}


def shape(kind: type) -> tuple[set[str], set[str]]:
    """Return what a message of ours has, and what of it must be, in the words of the wire."""
    fields = [one for one in dataclasses.fields(kind) if one.name != "wire"]
    needed = [
        one.name for one in fields if one.default is one.default_factory is dataclasses.MISSING
    ]
    return {wire_name(one.name) for one in fields}, set(map(wire_name, needed))


def agrees(kind: type, schema: dict[str, Any]) -> bool:
    """Whether a dataclass has what a schema has, and needs what it needs."""
    return shape(kind) == (set(schema["properties"]) - UNSAID, set(schema["required"]) - UNSAID)


def test_each_message_of_a_socket_is_known():
    assert set(TYPES) | {"Results", "Transcript", "EndedCalls"} == set(SCHEMAS)


@pytest.mark.parametrize("name", TYPES)
def test_a_message_has_what_its_schema_has(name):
    assert agrees(TYPES[name], SCHEMAS[name])


def test_what_is_within_a_message_has_what_the_schema_has():
    assert agrees(ListedCall, SCHEMAS["Calls"]["properties"]["calls"]["items"])
    assert agrees(Word, SPOKEN["properties"]["words"]["items"])


def test_results_are_a_final_or_an_interim_with_what_was_said():
    both = {"transcript", "words", "confidence"}
    assert set(SPOKEN["properties"]) == both
    head = {"callSid", "track", "at", "epoch", "start", "duration"}
    for kind, own in ((Final, {"seq", "speech_final"}), (Interim, {"after"})):
        has, _ = shape(kind)
        assert has == head | both | own
        assert has < set(RESULTS) | both


def test_messages_are_compared_by_what_they_say():
    one, other = message(final("Yes.", 2)), message(dict(reversed(final("Yes.", 2).items())))
    assert one.wire != other.wire
    assert one == other
    assert "wire" not in repr(one)


def test_a_change_of_state_is_compared_without_its_cause():
    lost = StateChanged(state=State.OFFLINE, reason="lost", cause=OSError("reset"))
    assert lost == StateChanged(state=State.OFFLINE, reason="lost")
    assert CALL not in repr(lost)
