"""broker/stream.py: what the server says of a stored message."""

import pytest

from broker.stream import stored_at


@pytest.mark.parametrize(
    ("headers", "at"),
    [
        ({"Nats-Time-Stamp": "2026-11-27T13:54:42.913065477Z"}, 1_795_787_682_913),
        ({"Nats-Time-Stamp": "2026-11-27T13:54:42Z"}, 1_795_787_682_000),
        ({"Nats-Time-Stamp": "yesterday"}, None),
        ({}, None),
    ],
)
def test_the_server_says_when_it_stored_a_message(headers, at):
    assert stored_at(headers) == at
