"""A receiver that is a directory: JSON and captions of each ended call, whole or not at all."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path

from handler.errors import SettingsError
from handler.forward.answers import TAKEN, Outcome, Verdict
from handler.forward.parcels import Parcel

# What has not its own name yet; left behind by who was killed.
PART = ".part"


class Directory:
    """
    Puts transcripts into a directory: ``CA….json`` and, before it, ``CA….vtt``.

    A file is there whole, or not: it is written beside, brought to the disk, and renamed. One that
    is written again, after a kill or because the call went on, takes the place of the former.
    """

    def __init__(self, path: str, instance: str) -> None:
        """
        Begin with a directory that is there.

        Raises:
            SettingsError: it cannot be written to.
        """
        self._path = Path(path)
        self._instance = instance
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
        self._put(f"{parcel.call_sid}.vtt", parcel.captions)
        self._put(f"{parcel.call_sid}.json", parcel.body)
        # A name is on the disk once its directory is.
        descriptor = os.open(self._path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _put(self, name: str, content: bytes) -> None:
        part = self._path / f".{name}.{self._instance}{PART}"
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
