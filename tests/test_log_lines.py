"""Each loud line of the log asks for what docs/operations.md says, or is named here."""

import re
from pathlib import Path

import pytest
from support.log_events import events_of, loud_events, refused_events

OPERATIONS = (Path(__file__).parents[1] / "docs" / "operations.md").read_text()
# Events, and why nobody has to do anything for them.
ASKS_FOR_NOTHING = {
    "brought up to date": "the service has done it",
    "call could not be ended now": "it is tried again",
    "call ended for its owner": "counted, and an alert if it is meant to be seen",
    "claim is late; the call clock is as the registry has it": "NATS was slow, and nothing is lost",
    "media stream is dead: another one is started": "that is the remedy",
    "media streams need a ticket from now on": "what an operator has set up",
    "nats lost": "it comes back; an alert if it does not",
    "request refused": "loud with another event alone: a stranger's",
    "tickets are checked by this process alone while NATS is away": "as long as NATS is away",
    "websocket refused": "loud with another event alone: a stranger's",
}


def documented() -> set[str]:
    (section,) = re.findall(
        r"^## Log lines that ask for something$(.*?)(?=^## |\Z)",
        OPERATIONS,
        re.MULTILINE | re.DOTALL,
    )
    rows = re.findall(r"^\| (`[^|]+) \| [^|]+ \|$", section, re.MULTILINE)
    return {event for row in rows for event in re.findall(r"`([^`]+)`", row)}


def test_each_loud_line_is_documented_or_asks_for_nothing():
    loud = set(loud_events())
    assert loud - documented() == set(ASKS_FOR_NOTHING)
    assert documented() - loud == set()
    assert all(ASKS_FOR_NOTHING.values())


def test_refusals_are_known_by_a_bounded_number_of_events():
    assert 20 < len(refused_events()) < 50


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ('_log.warning("a", why=1)', {"a"}),
        ('self._log.bind(x=1).error("a")', {"a"}),
        ('structlog.get_logger().exception("a")', {"a"}),
        ('_log.info("a")\n    findings.warning("b")', set()),
        ('tell = _log.warning if x else _log.info\n    tell("a")', {"a"}),
        ('Thread(target=_log.error, args=("a",), kwargs=facts)', {"a"}),
        ('Thread(target=work, args=("a",))', set()),
        ('refusals.note("a", 1)\n    refusals.note("b", 1, logging.INFO)', set()),
        ('refusals.note("a", 1, logging.WARNING)', {"a"}),
        ('refusals.note("a", 1, level=loud)', {"a"}),
        (
            'e = "a" if x else "b"\n    _log.error(f"{e}: c" if y else e)',
            {"a", "b", "a: c", "b: c"},
        ),
    ],
)
def test_events_are_read_from_the_code(body, found):
    assert events_of(f"def work(x, y, loud):\n    {body}\n") == found


def test_an_event_that_a_function_is_given_is_found_where_it_is_called():
    source = 'def say(event):\n    _log.error(event)\ndef work():\n    say("a")\n    say("b")\n'
    assert events_of(source) == {"a", "b"}


def test_an_event_that_cannot_be_read_from_the_code_is_a_fault():
    with pytest.raises(AssertionError, match="cannot be read, line 2"):
        events_of("def work(x):\n    _log.error(str(x))\n")
