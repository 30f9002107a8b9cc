"""handler/deepgram/start_check.py: whether Deepgram takes the key is known before any call."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
import structlog
from support.timing import patience, until

from handler.config import Settings
from handler.deepgram.connection import Dialer
from handler.deepgram.retry import Breaker
from handler.deepgram.start_check import StartCheck
from handler.deepgram.timing import Timing
from rehearsal.deepgram import DeepgramStandIn, Faults
from rehearsal.errors import Refusal

SETTINGS = Settings(deepgram_api_key="key")


def check_of(url: str, breaker: Breaker) -> StartCheck:
    settings = replace(SETTINGS, deepgram_url=url)
    return StartCheck(Dialer(settings, breaker, Timing()), breaker, first_pause=0.01)


async def found_out(url: str, breaker: Breaker) -> list[Any]:
    """Return what is logged of a few attempts, or of one that was answered."""
    with structlog.testing.capture_logs() as lines:
        async with check_of(url, breaker):
            await until(lambda: breaker.answered or breaker.attempts >= 3)
            await asyncio.sleep(0)  # its line comes in the same turn
    return [line for line in lines if str(line["event"]).startswith("deepgram")]


async def test_a_key_that_is_taken_costs_one_connection_without_audio_closed_as_it_should_be():
    breaker = Breaker()
    async with DeepgramStandIn() as deepgram, check_of(deepgram.url, breaker), patience():
        await until(lambda: deepgram.connections)
        await deepgram.connections[0].closed.wait()
    [connection] = deepgram.connections
    assert (connection.seconds, connection.closed_cleanly) == (0, True)
    assert connection.texts == ['{"type":"CloseStream"}']
    assert "model=nova-3" in connection.query
    assert breaker.accepted


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (400, "check DEEPGRAM_OPTIONS"),
        (401, "check DEEPGRAM_API_KEY"),
        (402, "add credit"),
        (403, "check the model"),
        (405, "take another model"),
    ],
)
async def test_a_refusal_is_said_once_with_what_to_do_and_not_asked_again(status, advice):
    breaker = Breaker()
    async with DeepgramStandIn(faults=Faults(refuse=Refusal(status))) as deepgram:
        [line] = await found_out(deepgram.url, breaker)
    assert line["event"] == "deepgram refuses: no call is heard"
    assert (line["log_level"], line["advice"].startswith(advice)) == ("error", True)
    assert line["reason"].startswith(f"HTTP {status}")
    assert (deepgram.handshakes, breaker.accepted) == (1, False)


async def test_a_host_that_cannot_be_reached_is_said_once_and_asked_again_until_it_answers():
    breaker = Breaker()

    def away(number: int) -> Faults:
        return Faults(refuse=Refusal(503)) if number < 3 else Faults()

    async with DeepgramStandIn(faults=away) as deepgram:
        with structlog.testing.capture_logs() as lines:
            async with check_of(deepgram.url, breaker):
                await until(lambda: breaker.accepted)
    said = [line["event"] for line in lines if str(line["event"]).startswith("deepgram")]
    assert said == ["deepgram cannot be reached", "deepgram takes the key"]
    assert deepgram.handshakes == 4


async def test_nothing_listens_there():
    [line] = await found_out("ws://127.0.0.1:1", Breaker())
    assert line["event"] == "deepgram cannot be reached"
    assert line["advice"] == "check DEEPGRAM_URL, and that this machine reaches it"


async def test_a_call_that_was_answered_leaves_nothing_to_ask():
    breaker = Breaker()
    async with (
        DeepgramStandIn(faults=Faults(refuse=Refusal(503))) as deepgram,
        check_of(deepgram.url, breaker) as check,
    ):
        await until(lambda: deepgram.handshakes)
        breaker.answered = True  # as by a call
        await until(check._task.done)


async def test_one_that_never_closes_does_not_hold_up_the_end():
    breaker = Breaker()
    faults = Faults(never_close=True)
    async with DeepgramStandIn(faults=faults) as deepgram, check_of(deepgram.url, breaker):
        await until(lambda: breaker.accepted)
    assert deepgram.handshakes == 1
