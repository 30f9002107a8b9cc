"""``GET /calls/{callSid}/transcript.{json,txt,srt,vtt}``: a call so far, or as it grows."""

import asyncio
import re
from collections.abc import AsyncGenerator
from functools import partial

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from handler.errors import AtCapacity, CallRefused, EndCode, Forbidden, SubscriberError
from handler.subscribers import captions, commands
from handler.subscribers.admission import Subscribers
from handler.subscribers.call_reader import read_call
from handler.subscribers.captions import Message
from handler.subscribers.live_response import LiveResponse
from handler.subscribers.speakers import Speakers, speakers
from handler.tokens.tokens import Grant

MEDIA_TYPES = {
    "json": "application/json",
    "txt": "text/plain; charset=utf-8",
    "srt": "application/x-subrip; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
}
# How long a request waits for NATS to say what is kept.
READ_SECONDS = 10.0
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
        if not grant.could_allow(call_sid):
            raise Forbidden
        name = partial(
            speakers,
            inbound=_name(query.get("inbound")),
            outbound=_name(query.get("outbound")),
        )
        if query.get("follow", "false") == "true":
            if form not in ("txt", "vtt"):
                raise SubscriberError(EndCode.BAD_REQUEST, "follow is for txt and vtt")
            return LiveTranscript(self._subscribers, grant, call_sid, form, name)
        async with self._subscribers.transcripts.turn(grant.bearer):
            payloads, expired = await self._read(call_sid, grant)
            # Some 10,000 records: not while calls wait for their audio.
            body = await asyncio.to_thread(_write, payloads, form, name, expired=expired)
        headers = {"Content-Disposition": f'inline; filename="{call_sid}.{form}"'}
        return Response(body, media_type=MEDIA_TYPES[form], headers=headers)

    async def _read(self, call_sid: str, grant: Grant) -> tuple[list[bytes], bool]:
        """Return the payloads of what is kept, and whether the beginning no longer is."""
        wanted = commands.Subscribe(call_sid, 0, interim=False)
        shared = self._subscribers
        try:
            async with (
                asyncio.timeout(READ_SECONDS),
                read_call(
                    shared.broker,
                    wanted,
                    lambda: grant,
                    patience=0,
                    unknown_calls=shared.unknown_calls,
                ) as reader,
            ):
                return reader.so_far, reader.expired is not None
        except TimeoutError:
            raise AtCapacity("what is kept cannot be read now") from None


class LiveTranscript(LiveResponse):
    """Captions, or lines of text, as they become final; complete when the call is over."""

    def __init__(
        self,
        subscribers: Subscribers,
        grant: Grant,
        call_sid: str,
        form: str,
        name: partial[Speakers],
    ) -> None:
        super().__init__(subscribers, grant)
        self._wanted = commands.Subscribe(call_sid, 0, interim=False)
        self._name = name
        self._form = form
        self.media_type = MEDIA_TYPES[form]
        if form == "vtt":
            self.opening = captions.VTT_HEADER.encode()
            self.heartbeat = b"NOTE\n\n"

    async def pieces(self) -> AsyncGenerator[bytes]:
        """Yield the cues of each final, in the order in which they became final."""
        settings = self.shared.settings
        async with read_call(
            self.shared.broker,
            self._wanted,
            lambda: self.admission.grant,
            patience=settings.await_call_seconds,
            pause=settings.pause_seconds,
            unknown_calls=self.shared.unknown_calls,
        ) as reader:
            if reader.expired is not None:
                yield captions.BEGINNING_LOST[self._form].encode()
            names = self._name(None)
            async for delivery in reader:
                record = _decode(delivery.payload)
                if record["type"] == "CallStarted":
                    names = self._name(record.get("direction"))
                self.shared.deliveries += 1
                yield self._written(record, names)
                reader.check_pace()

    def _written(self, record: Message, names: Speakers) -> bytes:
        if self._form == "vtt":
            written = "".join(map(captions.vtt_cue, captions.captions(record, names)))
        else:
            written = "".join(captions.text_line(t, names) for t in captions.turns([record]))
        return written.encode()


def _write(payloads: list[bytes], form: str, name: partial[Speakers], *, expired: bool) -> bytes:
    records = [_decode(payload) for payload in payloads]
    started = next((record for record in records if record["type"] == "CallStarted"), {})
    names = name(started.get("direction"))
    match form:
        case "json":
            return msgspec.json.encode(captions.document(records, names))
        case "txt":
            return captions.text(records, names, expired=expired).encode()
        case "srt":
            return captions.srt(captions.all_captions(records, names)).encode()
        case _:
            return captions.vtt(captions.all_captions(records, names), expired=expired).encode()


def _name(text: str | None) -> str | None:
    if text is not None and not NAME.fullmatch(text):
        raise SubscriberError(EndCode.BAD_REQUEST, "a speaker's name is up to 64 letters")
    return text
