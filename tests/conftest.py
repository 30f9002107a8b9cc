"""What all tests share."""

import gc
import re
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from support.units import by_unit, turn_of

from handler.refusals import refusals

# The same few inputs each time, however long a busy machine takes for one.
settings.register_profile(
    "sample",
    max_examples=50,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("sample")
LOG_LINE = re.compile(r"\d{4}-\d\d-\d\d ")

# A job in the background ignores it, and so would all that is started here.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

Rounds = Callable[..., range]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--prove",
        action="store_true",
        help="run the long proofs alone, with their full counts",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "proof: a long proof; a sample of it runs with every test")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    return by_unit(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """
    Let the collector of garbage look neither at tests that come in thousands, nor later at them.

    All that is made here stays to the end; each process would go through it again and again.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: turn_of(item.nodeid))
    if not config.getoption("prove"):
        return
    others = [item for item in items if item.get_closest_marker("proof") is None]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item.get_closest_marker("proof") is not None]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how often each proof was run, in whichever process, and what it measured."""
    reports = [
        report
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, [])
        if report.when == "call"
    ]
    proofs = [(report, dict(report.user_properties)) for report in reports]
    proofs = [(report, told) for report, told in proofs if "rounds" in told]
    if proofs:
        terminalreporter.section("proofs")
    for report, told in sorted(proofs, key=lambda proof: proof[0].nodeid):
        terminalreporter.write_line(f"{told['rounds']:7} rounds  {report.nodeid}")
        for line in report.capstdout.splitlines():
            if LOG_LINE.match(line):
                continue
            terminalreporter.write_line(f"{'':16}{line}")


def pytest_runtest_setup() -> None:
    """Count refusals anew: a process logs so many a minute, by a loop that ends with its test."""
    refusals._counts.clear()
    refusals.totals.clear()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> Rounds:
    """Seeds of a proof: a sample with every test, the full count with ``--prove``."""

    def seeds(*, sample: int, full: int) -> range:
        count = full if request.config.getoption("prove") else sample
        request.node.user_properties.append(("rounds", count))
        return range(count)

    return seeds
