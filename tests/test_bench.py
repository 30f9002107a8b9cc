"""bench: every measurement can be started, also those that no test runs."""

from pathlib import Path

import pytest
from support.processes import run

ROOT = Path(__file__).parents[1]
FILES = sorted(path.relative_to(ROOT) for path in (ROOT / "bench").rglob("*.py"))
PROGRAMS = [path for path in FILES if '__name__ == "__main__"' in (ROOT / path).read_text()]
NAMES = [".".join(path.with_suffix("").parts).removesuffix(".__main__") for path in PROGRAMS]


def test_programs_are_found():
    assert {"bench", "bench.load", "bench.startup"} < set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_measurement_can_be_imported_and_says_what_it_measures(name):
    ended = run(name, "--help")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"usage: python -m {name}")
