"""Media streams as they come: spelled, split, begun anew and broken as nobody's manual has it."""

import pytest
from support.streams import media_stream

LONG = "x" * 600


@pytest.fixture(scope="module")
def service(serve_many):
    return serve_many()


@pytest.mark.parametrize(
    "changes",
    [
        {"customParameters": {"attempt": 3, "From": "+15550100001", "TO": "+15550100002"}},
        {"customParameters": {"note": LONG, "Caller": "+15550100001", "Called": "+15550100002"}},
        {"customParameters": {"beta": True, "from": "+15550100001", "to_number": "+15550100002"}},
    ],
)
async def test_numbers_are_read_beside_parameters_that_cannot_be(service, read, token, changes):
    async with media_stream(service) as stream:
        await stream.start(**changes)
        await stream.stop()
    reader = await read(service, stream.sids["callSid"], token=token)
    assert reader.types() == ["CallStarted", "CallEnded"]
    started = reader.messages[0]
    assert (started["from"], started["to"]) == ("+15550100001", "+15550100002")


@pytest.mark.parametrize(
    "changes", [{"customParameters": None}, {"customParameters": []}, {"tracks": None}]
)
async def test_an_optional_value_that_cannot_be_used_costs_no_call(service, read, token, changes):
    async with media_stream(service) as stream:
        await stream.start(**changes)
        await stream.stop()
    reader = await read(service, stream.sids["callSid"], token=token)
    assert reader.types() == ["CallStarted", "CallEnded"]


@pytest.mark.parametrize(
    ("changes", "code", "reason"),
    [
        ({"accountSid": ""}, 1008, "start.accountSid is '', not AC and 32 hexadecimal digits"),
        ({"accountSid": None}, 1008, "start.accountSid is missing"),
        ({"callSid": "0e8b1f6e-1111"}, 1008, "start.callSid is '0e8b1f6e-1111', not CA and"),
        ({"streamSid": "MZ1"}, 1008, "start.streamSid is 'MZ1', not MZ and 32 hexadecimal digits"),
        ({"mediaFormat": {"encoding": "audio/x-l16"}}, 1003, "media format audio/x-l16/8000/1: "),
        ({"mediaFormat": {"sampleRate": "8k"}}, 1003, "start.mediaFormat.sampleRate is no number"),
    ],
)
async def test_a_start_that_cannot_be_used_is_closed_at_once_with_the_name_of_the_field(
    service, changes, code, reason
):
    async with media_stream(service) as stream:
        await stream.start(**changes)
        closed = await stream.closed()
    assert closed[0] == code
    assert (closed[1] or "").startswith(reason)
