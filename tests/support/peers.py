"""What the tests of media streams share."""

from dataclasses import dataclass, field


@dataclass
class Peer:
    """The socket of a media stream, without a network: it notes what it is told."""

    unanswered_since: float | None = None
    pings: int = 0
    released: bool = False
    closed: list[tuple[int, str]] = field(default_factory=list)

    def ping(self) -> None:
        self.pings += 1

    def poll(self) -> None:
        """What comes is fed to the media stream by the test."""

    def release(self) -> None:
        self.released = True

    async def close(self, code: int, reason: str) -> None:
        self.closed.append((code, reason))
