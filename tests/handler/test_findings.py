"""handler/findings.py: how it is told what was found."""

import pytest

from handler import findings
from handler.findings import Findings, Verdict


def some() -> Findings:
    found = Findings(("a", "long-name", "b", "c"))
    found.failed("b", "it is \x1b[31mred", "paint it", shade=3)
    found.ok("a", "it is blue")
    found.warning("long-name", "it is pale", "look again")
    found.skipped("c", "nobody asked")
    return found


def test_the_report_has_a_line_for_each_in_the_order_of_the_names_and_advice_below():
    assert list(findings.lines(some().all)) == [
        "ok       a          it is blue",
        "warning  long-name  it is pale",
        "                    → look again",
        "failed   b          it is \ufffd[31mred",
        "                    → paint it",
        "skipped  c          nobody asked",
        "1 ok, 1 warning, 1 failed, 1 skipped",
    ]


def test_a_report_of_nothing_says_so():
    assert list(findings.lines([])) == ["nothing"]


def test_programs_get_the_same_and_what_was_measured():
    message = findings.message(some().all)
    assert message["ok"] is False
    assert message["checks"][2] == {
        "name": "b",
        "verdict": "failed",
        "said": "it is \x1b[31mred",
        "advice": "paint it",
        "facts": {"shade": 3},
    }


def test_only_a_failure_is_one():
    found = some().all
    assert findings.exit_code(found) == 1
    assert findings.exit_code([one for one in found if one.verdict is not Verdict.FAILED]) == 0


def test_the_first_word_stands_and_the_rest_is_skipped():
    found = Findings(("a", "b"))
    found.ok("a", "yes")
    found.skip_rest(("a", "b"), "too late")
    assert [(one.verdict, one.said) for one in found.all] == [
        (Verdict.OK, "yes"),
        (Verdict.SKIPPED, "too late"),
    ]
    assert (found.knows("b"), found.holds("b"), found.holds("a")) == (True, False, True)
    assert not Findings(("a",)).holds("a")


def test_nothing_is_found_under_a_name_that_is_not_known():
    with pytest.raises(KeyError):
        Findings(("a",)).ok("b", "yes")
