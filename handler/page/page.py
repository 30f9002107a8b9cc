"""The page: static files, served to anyone; what it shows asks for a token."""

from collections.abc import Collection
from pathlib import Path

from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

DIRECTORY = Path(__file__).parent / "static"
# Nothing but our own files, no inline script, only frames that are let; the icon is none.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
    "connect-src 'self' {socket}; base-uri 'none'; form-action 'none'; frame-ancestors {frames}"
)


class Page:
    """An ASGI application for ``GET /`` and the files of the page."""

    def __init__(self, frame_ancestors: Collection[str] = ()) -> None:
        """
        Prepare it.

        Args:
            frame_ancestors: Origins of pages that may show it within them; ``*``: any may.
        """
        # In a checkout the client is where it is at home, and a link leads there.
        self._files = StaticFiles(directory=DIRECTORY, html=True, follow_symlink=True)
        self._frames = " ".join(frame_ancestors) or "'none'"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a file and what it may do."""
        host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
        # Not every browser takes 'self' for a websocket of the same host.
        safe = host.replace(".", "").replace(":", "").replace("-", "").isalnum()
        socket = f"ws://{host} wss://{host}" if safe else ""
        policy = POLICY.format(socket=socket, frames=self._frames)
        headers = [
            (b"content-security-policy", policy.encode()),
            (b"referrer-policy", b"no-referrer"),
            (b"x-content-type-options", b"nosniff"),
            (b"cache-control", b"no-cache"),  # asked again, and answered 304
        ]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *headers]
            await send(message)

        await self._files(scope, receive, send_with_headers)
