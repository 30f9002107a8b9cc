"""handler/doctor/clock.py: a clock that is off is told, and whose it is."""

import pytest

from handler.doctor import clock
from handler.doctor.clock import SERVICE, ahead, judge
from handler.findings import Finding, Findings
from handler.probe.dates import Reading


def reading(off: float) -> Reading:
    """Say what is read when our clock is so many seconds ahead; the answer took 0.2 s."""
    return Reading(1000.0, 1000.5 + off, 1000.7 + off)


def judged(**readings: float) -> Finding:
    findings = Findings((clock.NAME,))
    names = {"twilio": "Twilio", "deepgram": "Deepgram", "service": SERVICE}
    judge(findings, {names[who]: reading(off) for who, off in readings.items()})
    return findings.all[0]


@pytest.mark.parametrize(
    ("sent", "received", "off"),
    [(1000.0, 1000.0, 0), (1000.9, 1001.0, 0), (999.9, 1002, 0), (1003, 1004, 2), (990, 991, -9)],
)
def test_what_a_date_cannot_tell_is_no_difference(sent, received, off):
    """It is cut to the second, and was on its way for a while."""
    assert ahead(Reading(1000.0, sent, received)) == off


def test_a_clock_like_the_others_is_right():
    found = judged(twilio=0.5, deepgram=-3, service=0)
    assert (found.verdict, found.said) == ("ok", "as those of Twilio, Deepgram, the service")


@pytest.mark.parametrize(
    ("off", "verdict", "said"),
    [
        (40.0, "failed", "this machine's clock is 40 s ahead of that of Twilio: tokens and"),
        (-90.0, "failed", "this machine's clock is 89 s behind that of Twilio: tokens and"),
        (20.0, "warning", "this machine's clock is 20 s ahead of that of Twilio"),
    ],
)
def test_where_others_disagree_with_this_machine_it_is_its_own(off, verdict, said):
    found = judged(twilio=off, service=0)
    assert found.verdict == verdict
    assert found.said.startswith(said)
    assert found.advice.startswith("on this machine: let the machine keep its clock by NTP")


def test_where_the_service_alone_disagrees_it_is_the_services():
    found = judged(twilio=0, deepgram=0, service=-120)
    assert found.verdict == "failed"
    assert found.said.startswith("the clock of what answers at PUBLIC_URL is 119 s ahead of this")
    assert found.advice.startswith("on the machine of the service")


def test_where_nobody_answered_nothing_is_known():
    assert judged().verdict == "skipped"
