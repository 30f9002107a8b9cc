"""``GET /calls/{callSid}/transcript.{json,txt,srt,vtt}``: a call so far, or as it grows."""

import asyncio
import re
import zlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from broker.broker import Broker
from handler.errors import AtCapacity, CallRefused, EndCode, SubscriberError
from handler.server.connection import SEND_BUFFER
from handler.subscribers import captions, commands
from handler.subscribers.admission import Subscribers
from handler.subscribers.call_reader import read_call
from handler.subscribers.captions import Message
from handler.subscribers.live_response import LiveResponse
from handler.subscribers.speakers import Speakers, speakers_of
from handler.tokens.grants import Grant

MEDIA_TYPES = {
    "json": "application/json",
    "txt": "text/plain; charset=utf-8",
    "srt": "application/x-subrip; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
}
# So much is sent at a time: what the kernel keeps for a peer.
PIECE = SEND_BUFFER
# Of zlib's levels: less than a tenth of the size, for a hundredth of a second a megabyte.
FASTEST = 1
# How long a request waits for NATS to say what is kept; and for NATS itself, if it is away.
READ_SECONDS = 10.0
OUTAGE_SECONDS = 2.0
# One at a time, in the same thread: each thread keeps memory of its own.
_thread = ThreadPoolExecutor(1, "transcripts")
# Names of speakers: a word or some, in any script, and nothing that could be markup.
NAME = re.compile(r"[\w .,'+()/-]{1,64}")

_decode = msgspec.json.Decoder(dict).decode


class TranscriptEndpoint:
    """Answers requests for transcripts."""

    def __init__(self, subscribers: Subscribers) -> None:
        self._subscribers = subscribers

    async def serve(self, request: Request, grant: Grant) -> Response:
        """Answer with what is kept of the call, or with captions that grow."""
        call_sid = commands.call_sid(request.path_params["call_sid"])
        form = request.path_params["form"]
        query = request.query_params
        if form not in MEDIA_TYPES:
            raise CallRefused(EndCode.NO_SUCH_CALL, "json, txt, srt or vtt")
        await self._subscribers.check_could_be_read(call_sid, grant)
        name = partial(
            speakers_of,
            inbound=_name(query.get("inbound")),
            outbound=_name(query.get("outbound")),
        )
        asked = _Asked(call_sid, form, name)
        follow = query.get("follow", "false")
        if follow not in ("true", "false"):
            raise SubscriberError(EndCode.BAD_REQUEST, "follow is true or false")
        if follow == "true":
            if form not in ("txt", "vtt"):
                raise SubscriberError(EndCode.BAD_REQUEST, "follow is for txt and vtt")
            return LiveTranscript(self._subscribers, grant, asked)
        return WholeTranscript(self._subscribers, grant, asked)


@dataclass(frozen=True, slots=True)
class _Asked:
    """Which call, in which form, with which names of the speakers."""

    call_sid: str
    form: str
    name: partial[Speakers]


class _Transcript(LiveResponse):
    """A call in one of the forms."""

    def __init__(self, subscribers: Subscribers, grant: Grant, asked: _Asked) -> None:
        super().__init__(subscribers, grant)
        self._wanted = commands.Subscribe(asked.call_sid, 0, interim=False)
        self._name = asked.name
        self._form = asked.form
        self.media_type = MEDIA_TYPES[asked.form]


class WholeTranscript(_Transcript):
    """
    A call as it is now.

    It is made when its turn comes, and holds its place until it was read: by a peer that reads
    nothing only so long as other subscribers may. One that has begun is read to its end, also after
    that of the token.
    """

    goes_on = False

    def __init__(self, subscribers: Subscribers, grant: Grant, asked: _Asked) -> None:
        super().__init__(subscribers, grant, asked)
        filename = f"{asked.call_sid}.{asked.form}"
        self.more_headers = {"Content-Disposition": f'inline; filename="{filename}"'}

    async def pieces(self) -> AsyncGenerator[bytes]:
        """Yield the whole of it, in pieces that a peer can take."""
        with self.shared.transcripts.place(self.admission.grant.bearer):
            packed = await self._make()
            while packed:
                yield zlib.decompress(packed.popleft())

    async def _make(self) -> deque[bytes]:
        async with self.shared.transcripts.turn():
            payloads, expired = await self._read()
            # Some 10,000 records: not while calls wait for their audio.
            write = partial(_write, payloads, self._form, self._name, expired=expired)
            return await asyncio.get_running_loop().run_in_executor(_thread, write)

    async def _read(self) -> tuple[list[bytes], bool]:
        """Return the payloads of what is kept, and whether the beginning no longer is."""
        shared = self.shared
        async with (
            _limited(shared.broker, READ_SECONDS),
            read_call(
                shared.broker,
                self._wanted,
                lambda: self.admission.grant,
                patience=0,
                unknown_calls=shared.unknown_calls,
            ) as reader,
        ):
            return reader.so_far, reader.expired is not None


class LiveTranscript(_Transcript):
    """Captions, or lines of text, as they become final; complete when the call is over."""

    def __init__(self, subscribers: Subscribers, grant: Grant, asked: _Asked) -> None:
        super().__init__(subscribers, grant, asked)
        if asked.form == "vtt":
            self.opening = captions.VTT_HEADER.encode()
            self.heartbeat = b"NOTE\n\n"
        # With NATS away from the beginning, it is refused in words instead.
        self.found = not subscribers.broker.connected

    def aside(self, words: str) -> bytes:
        """Return a note in captions, and in a text, which has none, a line in brackets."""
        return (f"NOTE [{words}]\n\n" if self._form == "vtt" else f"[{words}]\n").encode()

    def farewell(self, error: SubscriberError) -> bytes:
        """Say that this is not the end of the call."""
        leaving = error.code is EndCode.LEAVING
        return self.aside("no more here: " + ("draining, ask again" if leaving else error.reason))

    async def pieces(self) -> AsyncGenerator[bytes]:
        """Yield the cues of each final, in the order in which they became final."""
        settings, broker = self.shared.settings, self.shared.broker
        reading = read_call(
            broker,
            self._wanted,
            lambda: self.admission.grant,
            patience=settings.await_call_seconds,
            pause=settings.pause_seconds,
            unknown_calls=self.shared.unknown_calls,
        )
        async with AsyncExitStack() as stack:
            async with _limited(broker, None):
                reader = await stack.enter_async_context(reading)
                self.note_found()
            if reader.expired is not None:
                yield captions.BEGINNING_LOST[self._form].encode()
            names = self._name({})
            async for delivery in reader:
                record = _decode(delivery.payload)
                if record["type"] == "CallStarted":
                    names = self._name(record)
                self.shared.deliveries += 1
                yield self._written(record, names)
                reader.check_pace()

    def _written(self, record: Message, names: Speakers) -> bytes:
        if self._form == "vtt":
            written = "".join(map(captions.vtt_cue, captions.captions(record, names)))
        else:
            written = "".join(captions.text_line(t, names) for t in captions.turns([record]))
        return written.encode()


@asynccontextmanager
async def _limited(broker: Broker, seconds: float | None) -> AsyncIterator[None]:
    """
    Bound what waits for NATS.

    Raises:
        AtCapacity: it took too long, or NATS is away.
    """
    away = not broker.connected
    try:
        async with asyncio.timeout(OUTAGE_SECONDS if away else seconds):
            yield
    except TimeoutError:
        why = "NATS cannot be reached" if away else "NATS does not answer in time"
        raise AtCapacity(f"{why}: what is kept cannot be read now; try again later") from None


class _Alternative(msgspec.Struct):
    words: msgspec.Raw = msgspec.Raw(b"[]")


class _Channel(msgspec.Struct):
    alternatives: list[_Alternative]


class _Result(msgspec.Struct):
    """The words of a result, as they are written in it."""

    channel: _Channel


_decode_result = msgspec.json.Decoder(_Result).decode


class _Head(msgspec.Struct):
    """Which record it is."""

    type: str


_decode_head = msgspec.json.Decoder(_Head).decode


def _taken(payloads: list[bytes]) -> Iterator[Message]:
    """Yield the records of a call, each read and its payload let go when it is asked for."""
    payloads.reverse()
    while payloads:
        yield _decode(payloads.pop())


def _write(
    payloads: list[bytes], form: str, name: partial[Speakers], *, expired: bool
) -> deque[bytes]:
    """Return a transcript in pieces, each compressed; takes the payloads, which are large."""
    started = next((each for each in payloads if _decode_head(each).type == "CallStarted"), b"{}")
    names = name(_decode(started))
    match form:
        case "json":
            return _packed(_json_parts(payloads, names))
        case "txt":
            parts = captions.text(_taken(payloads), names, expired=expired)
        case "srt":
            parts = captions.srt(captions.all_captions(_taken(payloads), names))
        case _:
            parts = captions.vtt(captions.all_captions(_taken(payloads), names), expired=expired)
    return _packed(part.encode() for part in parts)


def _json_parts(payloads: list[bytes], names: Speakers) -> Iterator[bytes]:
    """Write a document; its words, which are most of it, are read anew when their turn comes."""
    read = 0

    def records() -> Iterator[Message]:
        nonlocal read
        for payload in payloads:
            read += 1
            yield _decode(payload)

    whole, turns = captions.outline(records(), names, lambda words: [read - 1] if words else [])
    # A quotation mark in a string has a backslash before it: what is split at is there once.
    head, tail = msgspec.json.encode(whole).split(b'"turns":[]')
    yield head + b'"turns":['
    for number, turn in enumerate(turns):
        message = captions.turn_message(turn, names) | {"words": []}
        spoken = msgspec.json.encode(message).removesuffix(b"]}")
        yield b"," + spoken if number else spoken
        for more, result in enumerate(turn.words):
            words = bytes(_decode_result(payloads[result]).channel.alternatives[0].words)
            yield (b"," if more else b"") + words.strip()[1:-1]
        yield b"]}"
    yield b"]" + tail


def _packed(parts: Iterable[bytes]) -> deque[bytes]:
    """Join parts to pieces that a peer can take, each compressed: most wait for their reader."""
    packed, piece = deque[bytes](), bytearray()
    for part in parts:
        for at in range(0, len(part), PIECE):
            piece += part[at : at + PIECE]
            if len(piece) >= PIECE:
                packed.append(zlib.compress(piece, FASTEST))
                piece.clear()
    packed.append(zlib.compress(piece, FASTEST))
    return packed


def _name(text: str | None) -> str | None:
    if text is not None and not NAME.fullmatch(text):
        raise SubscriberError(EndCode.BAD_REQUEST, "a speaker's name is up to 64 letters")
    return text
