"""What every websocket endpoint needs."""

from contextlib import suppress

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState


async def close(websocket: WebSocket, code: int, reason: str) -> None:
    """Close a websocket that may be gone already."""
    if websocket.application_state is WebSocketState.CONNECTED:
        with suppress(WebSocketDisconnect):
            # RFC 6455 section 5.5: a control frame holds 125 bytes, two of them the code.
            await websocket.close(code, reason.encode()[:120].decode(errors="ignore"))
