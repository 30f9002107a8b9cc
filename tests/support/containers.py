"""Containers in the process of the test, and running calls whose media streams go to them."""

import asyncio
import contextlib

from support.peers import Peer
from support.sids import account_sid, call_sid, stream_sid
from support.talk import talk
from support.timing import patience

from broker.broker import Broker
from broker.server.embedded import EmbeddedServer
from broker.settings import BrokerSettings
from handler.audio.mulaw import SAMPLE_RATE, Track
from handler.calls.live_calls import MEDIA_FORMAT, LiveCalls
from handler.calls.media_stream import End, Received
from handler.calls.relocator import Relocator
from handler.calls.restarter import Restarter
from handler.calls.stream_requests import StreamRequests
from handler.calls.tickets import Tickets
from handler.config import Settings
from handler.errors import MoveFailed
from handler.twilio.accounts import Account, Accounts
from handler.twilio.messages import Frame
from handler.twilio.rest import RestClient
from handler.twilio.start import StartDetails
from rehearsal.deepgram import DeepgramStandIn
from rehearsal.frames import Course, schedule
from rehearsal.scripted import Scripted, names

SECONDS = 7


def side(seed, seconds=SECONDS):
    """Return a side of a call that lasts so long, with a second of silence behind it."""
    return talk(seed, seconds + 0.5).audio[: seconds * SAMPLE_RATE] + b"\xff" * SAMPLE_RATE


class Container:
    """What carries calls in one process."""

    def __init__(self, settings, calls, broker, relocator, restarter):
        self.settings = settings
        self.calls = calls
        self.broker = broker
        self.relocator = relocator
        self.restarter = restarter

    async def move(self, call_sid, ask_for_stream):
        """Let another container take a call; returns whether one has it."""
        try:
            await self.calls.find(call_sid).move(ask_for_stream)
        except MoveFailed:
            return False
        return True


@contextlib.asynccontextmanager
async def container(server, deepgram, name="c0", *, lease=20, **changes):
    """Run one; its Twilio is at ``twilio_api_url``."""
    changes = {"deepgram_url": deepgram.url, "deepgram_api_key": "key", **changes}
    settings = Settings(instance=name, **changes)
    async with contextlib.AsyncExitStack() as stack:
        broker = await stack.enter_async_context(
            Broker(
                BrokerSettings(
                    servers=(server.url,), instance=name, lease_ttl=lease, lease_refresh=lease / 4
                )
            )
        )
        async with patience():
            await broker.wait_ready()
        calls = await stack.enter_async_context(LiveCalls(settings, broker))
        tickets = await stack.enter_async_context(Tickets(settings, broker))
        accounts = Accounts.of(settings)
        rest = await stack.enter_async_context(RestClient(accounts, settings.twilio_api_url))
        requests = StreamRequests(settings, tickets, accounts, rest, broker.restarts)
        relocator = Relocator(settings, calls, requests, accounts, rest, broker.wishes)
        await stack.enter_async_context(relocator)
        restarter = Restarter(broker, calls, requests, rest)
        await stack.enter_async_context(restarter)
        yield Container(settings, calls, broker, relocator, restarter)


@contextlib.asynccontextmanager
async def world():
    """NATS, a recogniser, Twilio's API, and what runs containers there."""
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(EmbeddedServer())
        deepgram = await stack.enter_async_context(DeepgramStandIn(Scripted()))
        numbers = iter(range(100))

        async def run(**changes):
            name = f"c{next(numbers)}"
            return await stack.enter_async_context(container(server, deepgram, name, **changes))

        yield server, stack, run


@contextlib.asynccontextmanager
async def containers(count=2, *, faults=None, **changes):
    """Run some containers with one NATS and one recogniser, which may have faults."""
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(EmbeddedServer())
        deepgram = await stack.enter_async_context(DeepgramStandIn(Scripted(), faults=faults))
        yield [
            await stack.enter_async_context(container(server, deepgram, f"c{number}", **changes))
            for number in range(count)
        ]


class Phone:
    """A running call, of which there may be several media streams, each from when it begins."""

    def __init__(self, number=1, seconds=SECONDS):
        self.call_sid = call_sid(number)
        self.sides = side(2 * number, seconds), side(2 * number + 1, seconds)
        self.media = []
        self._begun = 0.0  # loop time of its first media stream: what is started before takes time
        self._sending = []
        self._stopped = 0

    def stream(self, container, *, succeeding=False, takes_over=False, code=bytes, **course):
        """Begin a media stream to a container."""
        number = len(self.media)
        if number == 0:
            self._begun = asyncio.get_running_loop().time()
        start = StartDetails(account_sid(1), self.call_sid, stream_sid(number + 1), MEDIA_FORMAT)
        how = {"succeeding": succeeding, "takes_over": takes_over}
        media = container.calls.open(start, Peer(), Received.now(), Account(), **how)
        self.media.append(media)
        sides = [code(one) for one in self.sides]
        self._sending.append(asyncio.create_task(self._send(media, sides, course)))
        return media

    async def _send(self, media, sides, course):
        loop = asyncio.get_running_loop()
        at = round((loop.time() - self._begun) * SAMPLE_RATE)
        begins = self._begun + at / SAMPLE_RATE
        rest = [side[at:] for side in sides]
        for frame in schedule(rest[0], rest[1], Course(seed=len(self.media), **course)):
            await asyncio.sleep(begins + frame.at - loop.time())
            media.feed([Frame(Track(frame.track), frame.timestamp, frame.payload)])
        media.finish(End.STOPPED)

    def fall_silent(self):
        """Send nothing more in the media stream that began last, and answer nothing."""
        self._sending[-1].cancel()
        self.media[-1].socket.unanswered_since = 0.0

    def stop(self):
        """Stop the media stream that began first, as one is stopped by the API."""
        self._sending[self._stopped].cancel()
        self.media[self._stopped].finish(End.STOPPED)
        self._stopped += 1

    def end(self, end):
        """End the media stream that began last."""
        self._sending[-1].cancel()
        self.media[-1].finish(end)

    async def over(self):
        """Wait for the call's end."""
        await asyncio.gather(*self._sending, return_exceptions=True)

    async def hang_up(self):
        """End the call before its end."""
        for task in self._sending:
            task.cancel()
        for media in self.media:
            media.finish(End.STOPPED)


def whole(phone):
    """Return the words of a phone's sides, as a recogniser that hears all of them says them."""
    return {"inbound": names(phone.sides[0]), "outbound": names(phone.sides[1])}


def said(records):
    """Return the words of a call, by track."""
    words: dict[str, list[str]] = {"inbound": [], "outbound": []}
    for record in records:
        if record["type"] == "Results":
            words[record["track"]] += record["channel"]["alternatives"][0]["transcript"].split()
    return words
