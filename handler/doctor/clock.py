"""
Is the clock right, against those of others? Pure.

Tokens and tickets expire by the clock, so one that is off opens nothing, or for too long.
"""

from collections.abc import Mapping

from handler.findings import Findings
from handler.probe.dates import Reading

NAME = "clock"
# Whose word counts for ours, and what is called the service's own.
SERVICE = "the service"
OFF, DOUBTFUL = 30.0, 5.0
SET_IT = "let the machine keep its clock by NTP (timedatectl set-ntp true, chrony)"


def ahead(reading: Reading) -> float:
    """
    Return by how many seconds our clock is ahead of theirs, at the least.

    Theirs is cut to the second, and the answer was on its way for a while: within that it is 0.
    """
    least, most = reading.sent - reading.theirs - 1, reading.received - reading.theirs
    return max(least, 0.0) + min(most, 0.0)


def judge(findings: Findings, readings: Mapping[str, Reading]) -> None:
    """Say how our clock and the service's are, by what was read of each."""
    off = {who: ahead(reading) for who, reading in readings.items()}
    if not off:
        findings.skipped(NAME, "nobody who answered said what time it is")
        return
    others = {who: seconds for who, seconds in off.items() if who != SERVICE}
    wrong = {who: seconds for who, seconds in others.items() if abs(seconds) > DOUBTFUL}
    if wrong:
        who, seconds = max(wrong.items(), key=lambda item: abs(item[1]))
        said = f"this machine's clock is {_shown(seconds)} that of {who}"
        _told(findings, abs(seconds), said, f"on this machine: {SET_IT}")
    elif abs(seconds := off.get(SERVICE, 0.0)) > DOUBTFUL:
        said = f"the clock of what answers at PUBLIC_URL is {_shown(-seconds)} this machine's"
        advice = f"on the machine of the service, or here: {SET_IT}"
        _told(findings, abs(seconds), said, advice)
    else:
        findings.ok(NAME, f"as those of {', '.join(off)}", ahead=off)


def _told(findings: Findings, seconds: float, said: str, advice: str) -> None:
    if seconds > OFF:
        findings.failed(NAME, f"{said}: tokens and tickets expire by it", advice, seconds=seconds)
    else:
        findings.warning(NAME, said, advice, seconds=seconds)


def _shown(seconds: float) -> str:
    return f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'}"
