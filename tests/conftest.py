"""What all tests share."""

from collections.abc import Callable, Iterator

import pytest

PROOFS = pytest.StashKey[dict[str, int]]()

Rounds = Callable[..., range]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--prove",
        action="store_true",
        help="run the long proofs alone, with their full counts",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "proof: a long proof; a sample of it runs with every test")
    config.stash[PROOFS] = {}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("prove"):
        return
    others = [item for item in items if item.get_closest_marker("proof") is None]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item.get_closest_marker("proof") is not None]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    counts = config.stash[PROOFS]
    if counts:
        terminalreporter.section("proofs")
    for name, count in counts.items():
        terminalreporter.write_line(f"{count:7} rounds  {name}")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> Iterator[Rounds]:
    """Seeds of a proof: a sample with every test, the full count with ``--prove``."""

    def seeds(*, sample: int, full: int) -> range:
        count = full if request.config.getoption("prove") else sample
        request.config.stash[PROOFS][request.node.nodeid] = count
        return range(count)

    return seeds
