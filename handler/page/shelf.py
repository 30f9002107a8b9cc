"""The files of the page as they are served: the page itself in one piece, all of it compressed."""

import base64
import gzip
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from handler.page import linking
from handler.page.linking import Linker, without_comments

# What is served, and as what; a browser takes a module or a sheet as nothing else.
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".ts": "text/plain; charset=utf-8",
}
DOCUMENT, MAIN = "index.html", "main.js"
# What is loaded by a browser as a whole; what these load later leaves out what they have.
ENTRIES = (MAIN, "partyline-call.js")
SHEET = re.compile(r'^ *<link rel="stylesheet" href="([\w./-]+)">\n', re.MULTILINE)
SCRIPT = re.compile(r'<script type="module" src="main\.js"([^>]*)></script>')


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is served."""

    media_type: str
    plain: bytes
    packed: bytes
    #: What tells it from what had, or will have, its path.
    tag: str
    #: It is the same for ever: there will be nothing else under its path.
    lasts: bool
    #: What of the document may be script and style, for its Content-Security-Policy: hashes.
    script: str
    style: str


class Shelf:
    """
    What may be asked for, made when it is asked for first and kept: some hundred files at most.

    A module is served with all that it imports (:mod:`handler.page.linking`), and the page with
    its modules and sheets: one answer, of one version. What is loaded later has the version in its
    path.
    """

    def __init__(self, directory: Path) -> None:
        """Read the directory; it does not change while it is served."""
        self._texts = dict(_texts(directory))
        # What it is made by counts as well: a version's files are kept for ever.
        makers = [Path(maker).read_text() for maker in (linking.__file__, __file__)]
        self.version = _digest(repr((sorted(self._texts.items()), makers)).encode())[:12]
        #: What was made.
        self.made: dict[str, File] = {}

    def find(self, path: str) -> File | None:
        """Return what a path leads to, if anything. To make it may take some 20 ms."""
        # What a path leads to that is none of ours is not kept: others choose what they ask for.
        if path not in self.made and (file := self._make(path or DOCUMENT)) is not None:
            self.made[path] = file
        return self.made.get(path)

    @property
    def folder(self) -> str:
        """Where lies what the page loads later; under this path it is never another version's."""
        return f"files/{self.version}"

    @cached_property
    def _linker(self) -> Linker:
        modules = {path: text for path, text in self._texts.items() if path.endswith(".js")}
        return Linker(modules, self.version, self.folder)

    def _make(self, path: str) -> File | None:
        later = path.removeprefix(f"{self.folder}/")
        if later != path:
            if later not in self._loaded_later:
                return None
            linked = self._linker.link(later, path, self._loaded_later[later])
            return _file(later, linked, lasts=True)
        text = self._texts.get(path)
        if text is None:
            return None
        if path == DOCUMENT:
            return self._document(text)
        if path.endswith(".js"):
            text = self._linker.link(path, path)
        return _file(path, text)

    @cached_property
    def _loaded_later(self) -> dict[str, set[str]]:
        """What may be loaded later, each with what whoever loads it has: looked for once."""
        found: dict[str, set[str]] = {}
        for entry in ENTRIES:
            needed = set(self._linker.needed(entry))
            for path in self._linker.later(entry):
                found[path] = found.get(path, needed) & needed
        return found

    def _document(self, text: str) -> File:
        """Put into the page what it names: its sheets, in their order, and its modules."""
        style = "".join(without_comments(self._texts[name]) for name in SHEET.findall(text))
        script = self._linker.link(MAIN, DOCUMENT)
        text = SCRIPT.sub(
            lambda found: (
                f'<style>{style}</style>\n  <script type="module"{found[1]}>{script}</script>'
            ),
            SHEET.sub("", text),
        )
        return _file(DOCUMENT, text, script=_hash(script), style=_hash(style))


def _file(path: str, text: str, *, lasts: bool = False, script: str = "", style: str = "") -> File:
    plain = text.encode()
    return File(
        media_type=TYPES[PurePosixPath(path).suffix],
        plain=plain,
        packed=gzip.compress(plain, mtime=0),
        tag=_digest(plain)[:16],
        lasts=lasts,
        script=script,
        style=style,
    )


def _texts(directory: Path) -> Iterator[tuple[str, str]]:
    """Read what may be served. In a checkout a link leads to the client, where it is at home."""
    for folder, _, names in os.walk(directory, followlinks=True):
        for path in (Path(folder, name) for name in names):
            if path.suffix in TYPES:
                yield path.relative_to(directory).as_posix(), path.read_text()


def _hash(text: str) -> str:
    """Return what lets this text stand in the document, and no other."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest())
    return f"'sha256-{digest.decode()}'"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
