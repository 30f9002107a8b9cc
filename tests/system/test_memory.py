"""What is kept of calls that are over, and of moves that are: nothing, and at once."""

import asyncio
import gc
from collections import Counter

import pytest
from support.credentials import DEEPGRAM_KEY
from support.served import serving
from support.talk import talk
from support.timing import UNIT, until
from support.twilio_access import access

from bench.processes import free_port
from broker.server.embedded import EmbeddedServer
from broker.writer import CallWriter
from handler.app import Service, create_app
from handler.calls.call import Call
from handler.calls.media_stream import MediaStream
from handler.calls.mixed_stream import MixedStream
from handler.calls.moving import Arrival, Departure
from handler.calls.relocation import Mover
from handler.calls.successor import Successor
from handler.config import Settings
from handler.deepgram.connection import Connection
from handler.deepgram.recogniser import Recogniser
from handler.deepgram.socket import DeepgramSocket
from handler.server.bodies import Bodies
from handler.server.intake import Intake
from handler.server.websocket_protocol import WebSocketProtocol
from handler.twilio import forms
from handler.twilio.places import WEBHOOKS
from rehearsal.deepgram import DeepgramStandIn
from rehearsal.twilio import Options, place_call
from rehearsal.twilio.account import Account
from rehearsal.twilio.stand_in import TwilioStandIn

NUMBER, CALLER, CALLEE = "+15550001111", "+15550002222", "+15550003333"
KINDS = (
    Arrival,
    Call,
    CallWriter,
    Connection,
    DeepgramSocket,
    Departure,
    Intake,
    MediaStream,
    MixedStream,
    Mover,
    Recogniser,
    Successor,
    WebSocketProtocol,
)

# Those of a call that does not move.
AT_REST = {kind.__name__ for kind in KINDS} - {"Arrival", "Departure", "Successor"}


def living() -> Counter[str]:
    """Count what there is of a call; the collector finds what is garbage already as well."""
    return Counter(type(each).__name__ for each in gc.get_objects() if type(each) in KINDS)


async def test_a_call_that_is_over_leaves_nothing_for_the_collector(
    nats: EmbeddedServer, deepgram: DeepgramStandIn
) -> None:
    """What waits for it is memory of a hundred calls, and stops all others when it comes."""
    settings = {
        "HOST": "127.0.0.1",
        "NATS_URL": nats.url,
        "DEEPGRAM_API_KEY": DEEPGRAM_KEY,
        "DEEPGRAM_URL": deepgram.url,
    }
    app = create_app(Settings.from_environ(settings, insecure=True))
    service: Service = app.state.service
    await service.open()
    try:
        async with serving(app) as port:
            await service.broker.wait_ready()
            gc.collect()
            gc.disable()
            before = living()
            audio = bytes(8000)
            await place_call(f"ws://127.0.0.1:{port}/twilio", audio, audio, Options(speed=5))
            await until(lambda: len(service.calls) == 0)
            await until(lambda: living() == before)
    finally:
        gc.enable()
        await service.close()


async def keys(service: Service) -> set[str]:
    """Return the keys that the registry holds, but for those that expire by themselves."""
    info = await service.broker.js.stream_info("KV_TRANSCRIPTS_CALLS", subjects_filter=">")
    names = {subject.removeprefix("$KV.TRANSCRIPTS_CALLS.") for subject in info.state.subjects}
    return {name for name in names if not name.startswith("twilio.")}


def held(service: Service) -> dict[str, object]:
    """Count what is held by calls that are carried, or were."""
    kinds = living()
    kinds["Call"] += kinds.pop("Successor", 0)  # what a call is that has come from elsewhere
    subjects = [each.subject for each in service.broker.client._subs.values()]
    return {
        **kinds,
        "calls": (len(service.calls), service.calls.arriving),
        "listed": len(service.broker.registry.calls()),
        # Of calls: there are others for a moment, such as for an answer.
        "subscriptions": sum(".CA" in subject for subject in subjects),
        "tasks": sum(" CA" in f" {task.get_name()}" for task in asyncio.all_tasks()),
        "turns": sum(len(slot.members) for slot in service.calls._shared.ticker._slots),
    }


@pytest.mark.proof
async def test_calls_that_move_again_and_again_leave_nothing_behind(
    nats: EmbeddedServer, deepgram: DeepgramStandIn, rounds, record_property
) -> None:
    """Within one process, which is full: neither memory, nor sockets, nor keys, nor places."""
    moves = rounds(sample=1, full=8)
    count, units = (3, 90) if len(moves) == 1 else (20, 300)  # calls, and how long it may take
    # They talk for as long. Made before: whoever makes sound keeps the loop from all else.
    calls = [
        [talk(2 * one + side, units * UNIT).audio for side in range(2)] for one in range(count)
    ]
    port = free_port()
    async with TwilioStandIn(Account()) as twilio:
        url, account = f"http://127.0.0.1:{port}", twilio.account
        settings = {
            "DEEPGRAM_API_KEY": DEEPGRAM_KEY,
            "DEEPGRAM_URL": deepgram.url,
            "FORWARD_TO": CALLEE,
            "HOST": "127.0.0.1",
            "MAX_CALLS": str(count),
            "NATS_URL": nats.url,
            "NOTICE": "none",
            **access(twilio, url),
        }
        account.add_number(NUMBER, voice_url=f"{url}/twilio/voice")
        app = create_app(Settings.from_environ(settings, insecure=True))
        service: Service = app.state.service
        await service.open()
        try:
            bodies = Bodies(WEBHOOKS, forms.MAX_BODY)
            async with serving(app, port=port, bodies=bodies, units=units):
                await service.broker.wait_ready()
                gc.collect()
                gc.disable()
                idle = held(service)
                for inbound, outbound in calls:
                    twilio.call(NUMBER, CALLER, inbound=inbound, outbound=outbound)
                await until(lambda: len(service.broker.registry.calls()) == count)
                await until(lambda: living() == dict.fromkeys(AT_REST, count))
                await until(lambda: held(service)["turns"] == count)
                carried, listed = held(service), await keys(service)
                for _ in moves:
                    await asyncio.gather(*map(service.relocator.move, service.calls.carried))
                    await until(lambda: held(service) == carried)
                    assert await keys(service) == listed
                assert service.relocator.moved == count * len(moves)
                twilio.hang_up()
                await until(lambda: held(service) == idle)
        finally:
            gc.enable()
            await service.close()
    record_property("moves", service.relocator.moved)
