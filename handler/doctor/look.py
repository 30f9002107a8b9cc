"""How the doctor looks: parts of the set-up side by side, each within a bound of time."""

import asyncio
from collections.abc import Container, Sequence
from typing import Protocol

from handler.findings import Findings

# For one part, whatever its peer does; each of its questions has a shorter one.
PART_SECONDS = 45.0


class Part(Protocol):
    """
    One part of the set-up.

    Attributes:
        names: Of its checks, in their order: each needs those before it.
        settings: The variables that it cannot do without.
    """

    names: tuple[str, ...]
    settings: tuple[str, ...]

    async def look(self, findings: Findings) -> None:
        """Look at it; stops at the first failure that makes the rest pointless."""


async def look_at(
    parts: Sequence[Part],
    findings: Findings,
    unreadable: Container[str],
    seconds: float = PART_SECONDS,
) -> None:
    """Look at all parts at once; each of their checks is among the findings afterwards."""
    async with asyncio.TaskGroup() as tasks:
        for part in parts:
            wrong = [name for name in part.settings if name in unreadable]
            if wrong:
                findings.skip_rest(part.names, f"{', '.join(wrong)} must be set right first")
            else:
                tasks.create_task(_look(part, findings, seconds))


async def _look(part: Part, findings: Findings, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await part.look(findings)
    except TimeoutError:
        waiting = next((name for name in part.names if not findings.knows(name)), None)
        if waiting is not None:
            findings.failed(
                waiting,
                f"not answered within {seconds:g} s",
                "let it be reached from here, and see whether it is overloaded",
            )
    findings.skip_rest(part.names, "an earlier check failed")
