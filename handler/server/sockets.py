"""What every websocket endpoint needs."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from uvicorn.protocols.utils import ClientDisconnected

from handler.errors import EndCode, TooSlow
from handler.server.connection import CONNECTION
from handler.server.frames import RecentFrames, SharedMessage, text_frame
from handler.server.websocket_protocol import FrameLimit, WebSocketProtocol

# After so many messages in a row the loop gets a turn: others have calls to look after.
MESSAGES_A_TURN = 32
# A subscriber answers a ping within this, or is gone.
PONG_SECONDS = 20.0


def _error(code: int, reason: str) -> bytes:
    return msgspec.json.encode({"type": "Error", "code": code, "message": reason})


# What it says and answers: twice what it may ask for, as there are pings, and messages in pieces.
SUBSCRIBER_FRAMES = FrameLimit(400, 40.0, EndCode.TOO_MUCH, _error)

_frames = RecentFrames(text_frame)


async def close(websocket: WebSocket, code: int, reason: str) -> None:
    """Close a websocket that may be gone already."""
    if websocket.application_state is WebSocketState.CONNECTED:
        with suppress(WebSocketDisconnect):
            await websocket.close(code, _fit(reason))


class SubscriberSocket:
    """
    The sending side of a subscriber's websocket.

    Under our own server a payload becomes a frame once for all who get it, and a peer that does
    not read is cut off; under another it works by what ASGI offers.
    """

    __slots__ = ("_protocol", "_sent", "_websocket", "_write_timeout")

    def __init__(self, websocket: WebSocket, write_timeout: float) -> None:
        self._websocket = websocket
        self._write_timeout = write_timeout
        self._sent = 0
        connection = websocket.scope.get("extensions", {}).get(CONNECTION)
        self._protocol = connection if isinstance(connection, WebSocketProtocol) else None

    def prepare(self) -> None:
        """Bound what the peer may cost, and find out if it is gone."""
        if self._protocol is not None:
            self._protocol.limit_frames(SUBSCRIBER_FRAMES)
            self._protocol.limit_buffer()
            self._protocol.expect_pongs(PONG_SECONDS)

    async def send(self, message: bytes | SharedMessage) -> bool:
        """
        Send a text; returns whether the peer kept up, or had to be waited for.

        Raises:
            TooSlow: it took nothing for the write timeout.
            WebSocketDisconnect: it is gone.
        """
        self._sent += 1
        if self._sent % MESSAGES_A_TURN == 0:
            await asyncio.sleep(0)
        try:
            if self._protocol is not None and self._protocol.write(_frame(message)):
                return True
            async with asyncio.timeout(self._write_timeout):
                if self._protocol is not None:
                    await self._protocol.drained()
                else:
                    await self._websocket.send_text(_payload(message).decode())
        except TimeoutError:
            raise TooSlow from None
        except ClientDisconnected as exc:
            raise WebSocketDisconnect(1006) from exc
        return False

    @property
    def write(self) -> Callable[[bytes], object] | None:
        """What writes frames of :meth:`frame`; None where there are none."""
        return None if self._protocol is None else self._protocol.transport.write

    def frame(self, payload: bytes, size: int) -> bytes | None:
        """Return a text as it is written, if the peer keeps up, also with so many bytes before."""
        frame = _frames.of(payload)
        if self._protocol is None or not self._protocol.keeps_up(size + len(frame)):
            return None
        return frame

    async def say(self, message: object) -> None:
        """Send a message of ours, as :meth:`send` does."""
        await self.send(msgspec.json.encode(message))

    async def close(self, code: int, reason: str) -> None:
        """Close the socket, without waiting for the peer."""
        if self._protocol is not None:
            self._protocol.end(code, _fit(reason))
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(self._write_timeout):
                await close(self._websocket, code, reason)


def _frame(message: bytes | SharedMessage) -> bytes:
    return message.frame if isinstance(message, SharedMessage) else _frames.of(message)


def _payload(message: bytes | SharedMessage) -> bytes:
    return message.payload if isinstance(message, SharedMessage) else message


def _fit(reason: str) -> str:
    """Cut a reason: RFC 6455 section 5.5: a control frame holds 125 bytes, two of them the code."""
    return reason.encode()[:120].decode(errors="ignore")
