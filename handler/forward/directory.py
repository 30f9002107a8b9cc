"""A receiver that is a directory: JSON and captions of each ended call, whole or not at all."""

import asyncio
import itertools
import os
from contextlib import suppress
from pathlib import Path

import structlog

from handler.errors import SettingsError
from handler.forward.answers import TAKEN, Outcome, Verdict
from handler.forward.parcels import Extent, Parcel, extent_of

# What has not its own name yet; left behind by who was killed.
PART = ".part"

_log = structlog.get_logger()


class Directory:
    """
    Puts transcripts into a directory: ``CA….json`` and, before it, ``CA….vtt``.

    A file is there whole, or not: it is written beside, brought to the disk, and renamed. One that
    is written again, after a kill or because the call went on, takes the place of the former; but
    not one that tells of less, as after the beginning of the call has expired.
    """

    def __init__(self, path: str, instance: str) -> None:
        """
        Begin with a directory that is there.

        Raises:
            SettingsError: it cannot be written to.
        """
        self._path = Path(path)
        self._instance = instance
        self._parts = itertools.count(1)
        try:
            for left in self._path.glob(f".CA*{PART}"):
                left.unlink(missing_ok=True)
            self._put("CA", b"")
            (self._path / "CA").unlink(missing_ok=True)
        except OSError as exc:
            raise SettingsError(
                "FORWARD_URL", f"cannot write to the directory {path}: {exc.strerror}"
            ) from exc

    async def close(self) -> None:
        """Nothing is open."""

    async def deliver(self, parcel: Parcel) -> Outcome:
        """Write both files; whatever goes wrong is told by what this returns."""
        try:
            await asyncio.to_thread(self._deliver, parcel)
        except OSError as exc:
            return Outcome(Verdict.FAILED, f"cannot write a transcript: {exc.strerror}")
        return TAKEN

    def _deliver(self, parcel: Parcel) -> None:
        there = self._extent(f"{parcel.call_sid}.json")
        if there is not None and there.exceeds(parcel.extent):
            _log.info("a transcript that tells of more is kept", call_sid=parcel.call_sid)
            return
        self._put(f"{parcel.call_sid}.vtt", parcel.captions)
        self._put(f"{parcel.call_sid}.json", parcel.body)
        # A name is on the disk once its directory is.
        descriptor = os.open(self._path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _extent(self, name: str) -> Extent | None:
        """Return of which records a file tells; None if there is none that does."""
        try:
            return extent_of((self._path / name).read_bytes())
        except OSError:
            return None  # whoever writes it will be told what is wrong

    def _put(self, name: str, content: bytes) -> None:
        # Of its own: a thread that is not awaited any more may still write one of that name.
        part = self._path / f".{name}.{self._instance}.{next(self._parts)}{PART}"
        try:
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._path / name)
        except OSError:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise
