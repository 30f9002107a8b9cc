"""For how long something could be relied on. Pure."""


class Uptime:
    """A stopwatch: it runs while things are as they should be."""

    def __init__(self) -> None:
        self._before = 0.0
        self._since: float | None = None

    @property
    def running(self) -> bool:
        """Whether things are as they should be now."""
        return self._since is not None

    def start(self, now: float) -> None:
        """Run from now on, if it does not run already."""
        if self._since is None:
            self._since = now

    def stop(self, now: float) -> None:
        """Stand still from now on."""
        self._before, self._since = self.seconds(now), None

    def seconds(self, now: float) -> float:
        """Return for how long it has run so far."""
        return self._before + (0.0 if self._since is None else now - self._since)
