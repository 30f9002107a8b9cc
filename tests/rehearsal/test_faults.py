"""The faults of the stand-in for Deepgram, as a client sees them."""

import asyncio
import json

import pytest
from support.timing import PATIENCE, patience
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from rehearsal import deepgram
from rehearsal.deepgram import DeepgramStandIn
from rehearsal.errors import BadScript
from rehearsal.faults import Faults, read_faults

QUERY = "encoding=mulaw&sample_rate=8000&channels=2&multichannel=true&interim_results=true"
HEADERS = {"Authorization": "Token any"}
CLOSE = '{"type":"CloseStream"}'
SECOND = b"\x10\xff" * 8000
QUIET = 2.0  # seconds, by the clock of the test, in which one that is open says nothing more


async def talk(faults: Faults, *messages: str | bytes, open_after: int | None = None):
    """
    Send messages; returns what was said and when, and how the connection ended, and when.

    One that is to stay open is left once so many messages came, and then none for a while.
    """
    loop = asyncio.get_running_loop()
    said: list[tuple[float, str]] = []
    async with DeepgramStandIn(faults=faults) as stand_in:
        url = f"{stand_in.url}/v1/listen?{QUERY}"
        begun = loop.time()
        async with connect(url, additional_headers=HEADERS, compression=None) as socket:
            spoken = loop.time()
            try:
                for message in messages:
                    await socket.send(message)
                while True:
                    stays = open_after is not None and len(said) >= open_after
                    async with asyncio.timeout(QUIET) if stays else patience():
                        text = await socket.recv()
                    said.append((loop.time() - spoken, json.loads(text)["type"]))
            except (ConnectionClosed, TimeoutError):
                pass
            return said, loop.time() - begun, socket.close_code, socket.close_reason


async def test_a_connection_is_dropped_after_a_time_or_after_some_audio():
    before_the_answer = Faults(drop_after=0.3, answer_delay=8)
    said, seconds, code, _ = await talk(before_the_answer, SECOND)
    assert (said, seconds >= 0.3, code) == ([], True, 1006)
    said, _, code, _ = await talk(Faults(drop_after_audio=2), *[SECOND] * 5)
    assert code == 1006
    assert [kind for _, kind in said].count("Results") <= 8


async def test_it_is_dropped_with_a_code_and_a_reason_in_prose():
    faults = Faults(drop_after=0.1, drop_code=1011, drop_reason="See https://dpgr.am/net0000")
    _, _, code, reason = await talk(faults, SECOND)
    assert (code, reason) == (1011, "See https://dpgr.am/net0000")
    assert (await talk(Faults(drop_after=0.1, drop_code=1000), SECOND))[2] == 1000


async def test_who_is_dropped_with_a_code_in_the_midst_of_audio_sees_the_end_at_once(monkeypatch):
    """What the client answers to the close comes behind the audio that nobody recognises."""
    monkeypatch.setattr(deepgram, "CLOSE_SECONDS", 2 * PATIENCE)  # for that answer
    faults = Faults(drop_after_audio=1, drop_code=1011)
    assert (await talk(faults, *[SECOND] * 20))[2] == 1011


async def test_one_that_is_mute_takes_audio_and_says_nothing_more():
    said, seconds, code, _ = await talk(Faults(mute_after=0), *[SECOND] * 3, open_after=0)
    assert said == []
    assert (seconds >= QUIET, code) == (True, None)  # it is open all the same
    said, _, _, _ = await talk(Faults(mute_after=2), *[SECOND] * 5, open_after=1)
    assert 0 < len(said) < 8


async def test_answers_are_late_and_the_last_ones_later():
    said = (await talk(Faults(answer_delay=0.3), SECOND, CLOSE))[0]
    assert said[-1][1] == "Metadata"
    assert min(at for at, _ in said) >= 0.3
    said = (await talk(Faults(last_delay=3), SECOND, CLOSE))[0]
    assert said[0][0] < 3 <= said[-1][0]


async def test_one_that_never_closes_answers_all_the_same():
    usual = (await talk(Faults(), SECOND, CLOSE))[0]
    never = Faults(never_close=True)
    said, seconds, code, _ = await talk(never, SECOND, CLOSE, open_after=len(usual))
    assert said[-1][1] == "Metadata"
    assert [kind for _, kind in said] == [kind for _, kind in usual]
    assert seconds >= QUIET
    assert code is None


async def test_a_script_says_what_is_done_to_each_connection():
    script = read_faults('[{"refuse": 503}, {"drop_after": 0, "drop_code": 1012}]')
    async with DeepgramStandIn(faults=script) as stand_in:
        url = f"{stand_in.url}/v1/listen?{QUERY}"
        with pytest.raises(InvalidStatus) as caught:
            await connect(url, additional_headers=HEADERS)
        assert caught.value.response.status_code == 503
        async with connect(url, additional_headers=HEADERS) as socket:
            await socket.wait_closed()
            assert socket.close_code == 1012
        async with connect(url, additional_headers=HEADERS) as socket:
            await socket.send(CLOSE)
            await socket.wait_closed()
            assert socket.close_code == 1000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[1]",
        '[{"explode": 1}]',
        '[{"refuse": 200}]',
        '[{"refuse": true}]',
        '[{"drop_after": -1}]',
        '[{"drop_after": "1"}]',
        '[{"drop_code": 99}]',
        '[{"never_close": 1}]',
        '[{"drop_reason": 1}]',
        "[" * 10_000,
    ],
)
def test_a_bad_script_is_refused(text):
    with pytest.raises(BadScript):
        read_faults(text)
