"""The least that Starlette can do with a media stream: read each message, and forget it."""

import argparse
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


def main() -> None:
    """Serve on PORT until the process is ended."""
    argparse.ArgumentParser(prog="python -m bench.floor", description=__doc__).parse_args()
    uvicorn.run(
        Starlette(routes=[WebSocketRoute("/twilio", take)]),
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        log_level="warning",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
    )


if __name__ == "__main__":
    main()
