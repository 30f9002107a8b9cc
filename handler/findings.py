"""
What `partyline doctor` and `partyline probe` have found, and how it is told. Pure.

A finding is one line: a verdict, a name that stays the same from version to version, what was
found, and for a failure what to do about it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from broker.printable import shown


class Verdict(StrEnum):
    """How it stands with what was looked at."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """
    What was found of one thing.

    Attributes:
        name: Of the check or the stage; stable, for programs.
        verdict: How it stands.
        said: What was found, in words; of what was skipped, why.
        advice: What to do about it; only of what failed, or may fail.
        facts: What was measured, for programs.
    """

    name: str
    verdict: Verdict
    said: str
    advice: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Findings:
    """
    Collects what is found under names that are known beforehand; the first word on each stands.

    Attributes:
        names: Of all that is looked at, in the order in which it is told.
    """

    names: tuple[str, ...]
    _found: dict[str, Finding] = field(default_factory=dict)

    def ok(self, name: str, said: str, **facts: Any) -> None:  # noqa: ANN401  JSON
        """Find something in order."""
        self._put(Finding(name, Verdict.OK, said, "", facts))

    def warning(self, name: str, said: str, advice: str, **facts: Any) -> None:  # noqa: ANN401
        """Find something that works, or may work, but is hardly meant so."""
        self._put(Finding(name, Verdict.WARNING, said, advice, facts))

    def failed(self, name: str, said: str, advice: str, **facts: Any) -> None:  # noqa: ANN401
        """Find something that must be mended."""
        self._put(Finding(name, Verdict.FAILED, said, advice, facts))

    def skipped(self, name: str, why: str) -> None:
        """Leave something out."""
        self._put(Finding(name, Verdict.SKIPPED, why))

    def knows(self, name: str) -> bool:
        """Whether something was found of it."""
        return name in self._found

    def holds(self, name: str) -> bool:
        """Whether it was found to work."""
        found = self._found.get(name)
        return found is not None and found.verdict in (Verdict.OK, Verdict.WARNING)

    def skip_rest(self, names: Iterable[str], why: str) -> None:
        """Leave out those of the names of which nothing was found."""
        for name in names:
            self.skipped(name, why)

    @property
    def all(self) -> Sequence[Finding]:
        """All that was found, in the order of the names."""
        return [self._found[name] for name in self.names if name in self._found]

    def _put(self, finding: Finding) -> None:
        if finding.name not in self.names:
            raise KeyError(finding.name)
        self._found.setdefault(finding.name, finding)


def exit_code(findings: Iterable[Finding]) -> int:
    """Return 0 if nothing failed, else 1."""
    return int(any(finding.verdict is Verdict.FAILED for finding in findings))


def lines(findings: Sequence[Finding]) -> Iterator[str]:
    """
    Yield the report for people.

    What others said is in it (a server's answer, a certificate's name), and moves no cursor.
    """
    width = max((len(finding.name) for finding in findings), default=0)
    for finding in findings:
        yield shown(f"{finding.verdict:7}  {finding.name:{width}}  {finding.said}")
        if finding.advice:
            yield shown(f"{'':9}{'':{width}}  → {finding.advice}")
    yield _summary(findings)


def message(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the report for programs."""
    return {"ok": exit_code(findings) == 0, "checks": [asdict(finding) for finding in findings]}


def _summary(findings: Sequence[Finding]) -> str:
    counts = {
        verdict: sum(finding.verdict is verdict for finding in findings) for verdict in Verdict
    }
    return (
        ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count) or "nothing"
    )
