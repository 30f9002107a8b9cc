"""The two websockets of a canary call: the media stream, as Twilio opens it, and a viewer's."""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from broker.words import said
from handler.audio.mulaw import SAMPLE_RATE
from handler.probe import answers
from handler.probe.answers import Fault
from handler.probe.speech import Frame, Speech

OPEN_SECONDS = 8.0
CLOSE_SECONDS = 3.0


class Unopened(Exception):
    """A websocket could not be opened; ``status`` is what was answered, if anything was."""

    def __init__(self, fault: Fault, status: int | None = None) -> None:
        self.fault = fault
        self.status = status
        super().__init__(fault.said)


class _Connect(connect):
    """A handshake that is not redirected, as Twilio's is not."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


@asynccontextmanager
async def opened(
    url: str,
    headers: Mapping[str, str],
    judge: Callable[[int, str], Fault] = answers.of_status,
) -> AsyncIterator[ClientConnection]:
    """
    Open a websocket.

    Args:
        url: Where.
        headers: Of the handshake.
        judge: Says what a status and a text mean that refuse it.

    Raises:
        Unopened: it could not be opened.
    """
    try:
        connection: ClientConnection = await _Connect(
            url,
            additional_headers=headers,
            user_agent_header="Twilio.TmeWs/1.0",
            compression=None,
            open_timeout=OPEN_SECONDS,
            close_timeout=CLOSE_SECONDS,
            ping_interval=None,
            ssl=ssl.create_default_context() if url.startswith("wss:") else None,
            proxy=None,
        )
    except InvalidStatus as exc:
        status, body = exc.response.status_code, bytes(exc.response.body or b"")
        raise Unopened(judge(status, body.decode(errors="replace")), status) from exc
    except (InvalidURI, InvalidHandshake, ValueError) as exc:
        raise Unopened(
            Fault("what answers there takes no websocket", answers.IS_IT_PARTYLINE)
        ) from exc
    except OSError as exc:  # TimeoutError is one
        raise Unopened(
            Fault(f"cannot connect: {said(exc)}", "let it be reached from outside, on this port")
        ) from exc
    try:
        yield connection
    finally:
        await connection.close()


@dataclass(slots=True)
class MediaStream:
    """
    A media stream, from Twilio's side: one way, both tracks.

    Attributes:
        sids: ``accountSid``, ``callSid`` and ``streamSid``.
        parameters: What the TwiML gave it.
        begun: Loop time at which the first sample was said.
        sent: How many messages of audio were sent.
    """

    connection: ClientConnection
    sids: dict[str, str]
    parameters: dict[str, str]
    begun: float = 0.0
    sent: int = 0
    _sequence: int = 0

    async def play(self, speech: Speech) -> Fault | None:
        """Play it in real time, then stop; returns why it was closed before, if it was."""
        loop = asyncio.get_running_loop()
        try:
            await self._say({"event": "connected", "protocol": "Call", "version": "1.0.0"})
            await self._say(self._start())
            self.begun = loop.time()
            for frame in speech.frames():
                # By the call's own schedule, so that delays do not add up.
                await asyncio.sleep(self.begun + frame.due - loop.time())
                await self._send(frame)
            await self._say(self._numbered("stop", stop=self.sids))
        except ConnectionClosed as exc:
            return answers.of_close(*_end_of(exc))
        # A refusal may come behind the last frame.
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.connection.wait_closed()
        code = self.connection.close_code
        if code in (None, 1000, 1005):
            return None
        return answers.of_close(code or 1006, self.connection.close_reason or "")

    async def _send(self, frame: Frame) -> None:
        for track, payload in frame.payloads.items():
            self.sent += 1
            media = {
                "track": track,
                "chunk": str(self.sent),
                "timestamp": str(frame.timestamp),
                "payload": base64.b64encode(payload).decode(),
            }
            await self._say(self._numbered("media", media=media))

    def _start(self) -> dict[str, Any]:
        details = {
            **self.sids,
            "tracks": ["inbound", "outbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": SAMPLE_RATE, "channels": 1},
            "customParameters": self.parameters,
        }
        return self._numbered("start", start=details)

    def _numbered(self, event: str, **rest: Any) -> dict[str, Any]:  # noqa: ANN401  JSON
        self._sequence += 1
        stream_sid = self.sids["streamSid"]
        return {
            "event": event,
            "sequenceNumber": str(self._sequence),
            **rest,
            "streamSid": stream_sid,
        }

    async def _say(self, message: dict[str, Any]) -> None:
        await self.connection.send(json.dumps(message, separators=(",", ":")))


async def read(connection: ClientConnection, take: Callable[[dict[str, Any]], None]) -> None:
    """Hand on each message of a viewer's socket until it ends."""
    with suppress(ConnectionClosed):
        async for text in connection:
            with suppress(ValueError):
                message = json.loads(text)
                if isinstance(message, dict):
                    take(message)


def _end_of(exc: ConnectionClosed) -> tuple[int, str]:
    return (1006, "") if exc.rcvd is None else (exc.rcvd.code, exc.rcvd.reason)
