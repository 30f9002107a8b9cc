"""What is kept in memory of a call that is over: nothing, and at once."""

import gc
from collections import Counter

from support.credentials import DEEPGRAM_KEY
from support.served import serving
from support.timing import until

from broker.server.embedded import EmbeddedServer
from broker.writer import CallWriter
from handler.app import Service, create_app
from handler.calls.call import Call
from handler.calls.media_stream import MediaStream
from handler.calls.mixed_stream import MixedStream
from handler.config import Settings
from handler.deepgram.connection import Connection
from handler.deepgram.recogniser import Recogniser
from handler.deepgram.socket import DeepgramSocket
from handler.server.intake import Intake
from handler.server.websocket_protocol import WebSocketProtocol
from rehearsal.deepgram import DeepgramStandIn
from rehearsal.twilio import Options, place_call

KINDS = (
    Call,
    CallWriter,
    Connection,
    DeepgramSocket,
    Intake,
    MediaStream,
    MixedStream,
    Recogniser,
    WebSocketProtocol,
)


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
