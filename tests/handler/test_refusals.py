"""handler/refusals.py: refusals in the log, and no flood of them."""

from structlog.testing import capture_logs
from support.timing import UNIT, until

from handler.refusals import LINES, MAX_KINDS, OTHERS, Refusals


async def test_each_kind_of_refusal_has_its_lines_and_the_rest_is_counted():
    refusals = Refusals(window=0.3 * UNIT)
    with capture_logs() as lines:
        for number in range(1000):
            refusals.note("request refused", 401, reason=number)
        refusals.note("request refused", 403, origin="https://evil.example")
        await until(lambda: lines[-1]["event"] == "refusals not logged")
        refusals.note("request refused", 401, reason="later")
    assert [line.get("reason") for line in lines[:LINES]] == list(range(LINES))
    assert lines[LINES:] == [
        {
            "event": "request refused",
            "log_level": "info",
            "status": 403,
            "origin": "https://evil.example",
        },
        {
            "event": "refusals not logged",
            "log_level": "warning",
            "refusal": "request refused",
            "status": 401,
            "count": 1000 - LINES,
        },
        {"event": "request refused", "log_level": "info", "status": 401, "reason": "later"},
    ]


async def test_all_are_counted_by_what_their_lines_say_and_kinds_have_a_bound():
    refusals = Refusals()
    with capture_logs():
        for _ in range(LINES + 5):
            refusals.note("request refused", 401)
        refusals.note("request refused", None)
        for number in range(2 * MAX_KINDS):
            refusals.note(f"made up {number}", 400)
    assert refusals.totals["request refused", "401"] == LINES + 5
    assert refusals.totals["request refused", ""] == 1
    assert len(refusals.totals) == MAX_KINDS + 1
    assert refusals.totals[OTHERS] == 2 * MAX_KINDS - (MAX_KINDS - 2)
