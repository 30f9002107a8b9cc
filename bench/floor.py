"""The least that Starlette can do with a media stream: read each message, and forget it."""

import os

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket


async def take(websocket: WebSocket) -> None:
    """Read until Twilio is done."""
    await websocket.accept()
    async for _ in websocket.iter_text():
        pass


if __name__ == "__main__":
    uvicorn.run(
        Starlette(routes=[WebSocketRoute("/twilio", take)]),
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        log_level="warning",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
    )
