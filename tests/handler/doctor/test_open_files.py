"""handler/doctor/open_files.py: is the limit of open files enough for what may come?"""

import pytest

from handler.config import Settings
from handler.doctor.open_files import NAME, OpenFiles, judge
from handler.findings import Finding, Findings, Verdict
from handler.server.descriptors import raise_limit


def judged(limit: int) -> Finding:
    findings = Findings((NAME,))
    judge(findings, limit, 100, 5000)
    return findings.all[0]


@pytest.mark.parametrize("limit", [5964, 1_048_576])
def test_a_limit_that_is_enough_is_in_order(limit):
    assert judged(limit) == Finding(
        NAME,
        Verdict.OK,
        f"{limit} may be open, 5964 are needed",
        facts={"limit": limit, "needed": 5964},
    )


def test_one_that_is_too_low_says_how_many_are_taken_then_and_what_to_do():
    found = judged(1024)
    assert found.verdict == Verdict.WARNING
    assert found.said.endswith("5964 are needed: the service takes 100 calls and 320 subscribers")
    assert "LimitNOFILE=" in found.advice
    assert found.facts == {"limit": 1024, "needed": 5964}


async def test_it_is_the_limit_of_this_very_process():
    findings = Findings((NAME,))
    await OpenFiles(Settings(max_calls=1, max_subscribers=1)).look(findings)
    assert findings.all[0].facts["limit"] == raise_limit()
