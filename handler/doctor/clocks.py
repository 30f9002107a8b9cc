"""Asks what time it is: the service, Twilio and Deepgram, each by the ``Date`` of an answer."""

import asyncio
from contextlib import suppress

from handler import addresses
from handler.config import Settings
from handler.doctor import clock
from handler.findings import Findings
from handler.probe import web
from handler.probe.dates import Reading
from handler.probe.web import Unanswered, Web


class Clocks:
    """The clocks that this one is compared with."""

    names: tuple[str, ...] = (clock.NAME,)
    settings: tuple[str, ...] = ()

    def __init__(self, settings: Settings) -> None:
        self._asked = {
            "Twilio": settings.twilio_api_url,
            "Deepgram": addresses.for_requests(settings.deepgram_url),
        }
        if settings.public_url is not None:
            self._asked[clock.SERVICE] = addresses.for_requests(settings.public_url, "/healthz")

    async def look(self, findings: Findings) -> None:
        """Ask all at once; who does not answer is left out."""
        async with web.opened() as asking:
            answers = await asyncio.gather(*(_read(asking, url) for url in self._asked.values()))
        readings = zip(self._asked, answers, strict=True)
        clock.judge(findings, {who: reading for who, reading in readings if reading is not None})


async def _read(asking: Web, url: str) -> Reading | None:
    with suppress(Unanswered):
        return (await asking.get(url)).reading
    return None
