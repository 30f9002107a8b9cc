"""A whole service in the process of the test: its own server, its own application, real sockets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from support.credentials import NEEDED
from support.served import serving
from support.timing import patience

from handler.app import Service, create_app
from handler.config import Settings
from handler.server.bodies import Bodies
from handler.twilio import forms
from handler.twilio.places import WEBHOOKS


@dataclass(frozen=True)
class Inside:
    """A service, where it is, and the environment that it was started with."""

    service: Service
    port: int
    environ: dict[str, str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def inside(*, ready: bool = True, **environ: str) -> AsyncIterator[Inside]:
    """Run a service; without PUBLIC_URL it goes by the Host header."""
    whole = {
        **NEEDED,
        "HOST": "127.0.0.1",
        "PUBLIC_URL": "",
        "DEEPGRAM_URL": "ws://127.0.0.1:1",
        "NATS_URL": "nats://127.0.0.1:1",
        "PAUSE_SECONDS": "0",
        **environ,
    }
    app = create_app(Settings.from_environ(whole))
    service: Service = app.state.service
    await service.open()
    try:
        async with serving(app, bodies=Bodies(WEBHOOKS, forms.MAX_BODY)) as port:
            if ready:
                async with patience():
                    await service.broker.wait_ready()
            yield Inside(service, port, whole)
    finally:
        await service.close()
