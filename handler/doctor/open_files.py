"""May a process open as many files as the calls and subscribers need that the settings allow?"""

from handler.config import Settings
from handler.findings import Findings
from handler.server.descriptors import raise_limit
from handler.server.places import needed, share

NAME = "open-files"


class OpenFiles:
    """The limit of open files of a process that is started like this one."""

    names: tuple[str, ...] = (NAME,)
    settings: tuple[str, ...] = ("MAX_CALLS", "MAX_SUBSCRIBERS")

    def __init__(self, settings: Settings) -> None:
        self._calls, self._subscribers = settings.max_calls, settings.max_subscribers

    async def look(self, findings: Findings) -> None:
        """Compare it with what is needed; the service takes fewer where it is too low."""
        judge(findings, raise_limit(), self._calls, self._subscribers)


def judge(findings: Findings, limit: int, max_calls: int, max_subscribers: int) -> None:
    """Say whether a limit of open files is enough for so many calls and subscribers."""
    wanted = needed(max_calls, max_subscribers)
    places = share(limit, max_calls, max_subscribers)
    facts = {"limit": limit, "needed": wanted}
    if (places.calls, places.subscribers) == (max_calls, max_subscribers):
        findings.ok(NAME, f"{limit} may be open, {wanted} are needed", **facts)
        return
    findings.warning(
        NAME,
        f"{limit} may be open, {wanted} are needed: the service takes {places.calls} calls and "
        f"{places.subscribers} subscribers",
        "raise the limit: ulimit -n, LimitNOFILE= (systemd), --ulimit nofile= (docker); or lower "
        "MAX_CALLS and MAX_SUBSCRIBERS",
        **facts,
    )
