"""The page: static files, served to anyone; what it shows asks for a token."""

import asyncio
from collections.abc import Collection
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from handler.page.negotiation import has_it, takes_gzip
from handler.page.shelf import File, Shelf

DIRECTORY = Path(__file__).parent / "static"
# Nothing but our own files, and in the page nothing but what we put there; only frames that are
# let; the icon is none.
POLICY = (
    "default-src 'none'; script-src 'self' {script}; style-src 'self' {style}; img-src data:; "
    "connect-src 'self' {socket}; base-uri 'none'; form-action 'none'; frame-ancestors {frames}"
)
METHODS = ("GET", "HEAD")
# Nobody on the way changes it: its policy knows each byte. It is asked for again, and answered 304.
ASKED_AGAIN = "no-cache, no-transform"
FOR_EVER = "public, max-age=31536000, immutable"


class Page:
    """An ASGI application for ``GET /`` and the files of the page."""

    def __init__(self, frame_ancestors: Collection[str] = ()) -> None:
        """
        Prepare it. Files are read when the first is asked for: many a container is never asked.

        Args:
            frame_ancestors: Origins of pages that may show it within them; ``*``: any may.
        """
        self._frames = " ".join(frame_ancestors) or "'none'"
        self._shelf: Shelf | None = None
        self._reading = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a file and what it may do."""
        if scope["method"] not in METHODS:
            raise HTTPException(405, headers={"Allow": ", ".join(METHODS)})
        path = scope["path"].removeprefix("/")
        file = await self._find(path)
        if file is None:
            raise HTTPException(404)
        asked = Headers(scope=scope)
        is_packed = takes_gzip(asked.get("accept-encoding", ""))
        body = file.packed if is_packed else file.plain
        # What is compressed is another representation, and has a tag of its own.
        tag = f'"{file.tag}-gzip"' if is_packed else f'"{file.tag}"'
        headers = {"vary": "accept-encoding, origin", "etag": tag, **self._rules(file, asked)}
        if has_it(asked.get("if-none-match", ""), tag):
            answer = Response(status_code=304, headers=headers)
        else:
            headers |= {"content-type": file.media_type, "content-length": str(len(body))}
            if is_packed:
                headers["content-encoding"] = "gzip"
            answer = Response(b"" if scope["method"] == "HEAD" else body, headers=headers)
        await answer(scope, receive, send)

    async def _find(self, path: str) -> File | None:
        if self._shelf is not None and path in self._shelf.made:
            return self._shelf.made[path]
        async with self._reading:  # calls go on meanwhile, and nothing is made twice
            if self._shelf is None:
                self._shelf = await asyncio.to_thread(Shelf, DIRECTORY)
            return await asyncio.to_thread(self._shelf.find, path)

    def _rules(self, file: File, asked: Headers) -> dict[str, str]:
        """Return what a browser may do with it."""
        rules = {
            "x-content-type-options": "nosniff",
            "cache-control": FOR_EVER if file.lasts else ASKED_AGAIN,
        }
        if not file.script:
            return rules
        host = asked.get("host", "")
        # Not every browser takes 'self' for a websocket of the same host.
        safe = host.replace(".", "").replace(":", "").replace("-", "").isalnum()
        policy = POLICY.format(
            script=file.script,
            style=file.style,
            socket=f"ws://{host} wss://{host}" if safe else "",
            frames=self._frames,
        )
        return rules | {"referrer-policy": "no-referrer", "content-security-policy": policy}
