"""The websocket to Deepgram, without a task in between for what comes, nor for what goes."""

from collections.abc import Callable

from websockets.asyncio.client import ClientConnection
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State

# A whole text, or the payload of one.
Hear = Callable[[str | bytes], None]


class DeepgramSocket(ClientConnection):
    """
    A connection of websockets that can do two things at once, in place of in a task.

    Attributes:
        hear: Takes the messages as they come; None while they wait for whoever iterates. What comes
            in pieces waits, and all that follows it, so that nothing is out of order.
    """

    hear: Hear | None = None

    def process_event(self, event: Frame | Request | Response) -> None:
        """Hand a whole message on, or let it wait."""
        if self.hear is not None and isinstance(event, Frame):
            if event.opcode is Opcode.TEXT and event.fin:
                self.hear(bytes(event.data))
                return
            if event.opcode is Opcode.TEXT or event.opcode is Opcode.BINARY:
                self.hear = None
        super().process_event(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """End; what parses frames would wait for more, and hold the protocol that holds it."""
        super().connection_lost(exc)
        self.protocol.parser.close()

    def send_now(self, audio: bytes) -> bool:
        """Send a message if the peer keeps up with what it was sent; returns whether it was."""
        transport = self.transport
        if self.protocol.state is not State.OPEN or transport.is_closing():
            return False
        if transport.get_write_buffer_size():
            return False
        self.protocol.send_binary(audio)
        for data in self.protocol.data_to_send():
            transport.write(data)
        return True
