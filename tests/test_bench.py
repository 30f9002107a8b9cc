"""bench: every measurement can be started, also those that no test runs."""

from pathlib import Path

import pytest
from support.processes import run

FILES = sorted(
    path for path in (Path(__file__).parents[1] / "bench").glob("*.py") if path.stem[0] != "_"
)
PROGRAMS = [path.stem for path in FILES if '__name__ == "__main__"' in path.read_text()]


def test_what_is_no_program_is_known():
    assert "startup" in PROGRAMS
    assert [path.stem for path in FILES if path.stem not in PROGRAMS] == ["processes"]


@pytest.mark.parametrize("name", ["bench", *(f"bench.{stem}" for stem in PROGRAMS)])
def test_every_measurement_can_be_imported_and_says_what_it_measures(name):
    ended = run(name, "--help")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"usage: python -m {name}")
