"""
Each pure module is covered in full, branches too, by the tests that bear its name.

What other tests happen to run counts for nothing: a rule of ``handler/audio/mixer.py`` is shown by
``tests/handler/audio/test_mixer.py`` (and ``test_mixer_*.py``), or nowhere.
"""

import json
import os
import random
import re
import subprocess
import sys
import tomllib
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
Rounds = Callable[..., range]
# Packages that do not lie at the root.
HOMES = {"partyline_client": "clients/python/"}


def pure_modules() -> list[str]:
    """Which modules are pure is said once: in the import rule that keeps them so."""
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (rule,) = (rule for rule in rules["contracts"] if rule["id"] == "pure")
    paths = []
    for name in rule["source_modules"]:
        home = HOMES.get(name.partition(".")[0], "")
        found = sorted(ROOT.glob(home + name.replace(".", "/") + ".py"))
        assert found, f"{name} is in the list of pure modules, but not in the tree"
        paths += [str(path.relative_to(ROOT)) for path in found if path.stem != "__init__"]
    return paths


def own_tests(module: str) -> list[str]:
    """Find the tests of a module by its name: ``test_mixer.py``, ``test_mixer_properties.py``."""
    path = Path(module)
    others = {other.stem for other in (ROOT / path).parent.glob("*.py")} - {path.stem}
    folder = ROOT / "tests" / path.parent
    found = [folder / f"test_{path.stem}.py", *sorted(folder.glob(f"test_{path.stem}_*.py"))]
    return [
        str(test.relative_to(ROOT))
        for test in found
        if test.exists() and test.stem.removeprefix("test_") not in others
    ]


def missing(module: str, tests: list[str], directory: Path) -> list[str]:
    """Run some tests; returns the lines and branches of a module that they left out."""
    environ = {**os.environ, "COVERAGE_FILE": str(directory / "coverage")}
    pytest_run = ["-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    for arguments in (
        ["run", "--branch", f"--include={ROOT / module}", *pytest_run],
        ["json", "-q", "-o", str(directory / "report.json")],
    ):
        command = [sys.executable, "-m", "coverage", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    (report,) = json.loads((directory / "report.json").read_text())["files"].values()
    lines = [f"line {line}" for line in report["missing_lines"]]
    return lines + [f"branch {start} to {end}" for start, end in report["missing_branches"]]


@pytest.mark.parametrize("module", pure_modules())
def test_a_pure_module_has_tests_of_its_own(module: str) -> None:
    assert own_tests(module) != []


@pytest.mark.proof
def test_a_pure_module_is_covered_in_full_by_its_own_tests(rounds: Rounds, tmp_path: Path) -> None:
    """A sample takes other modules whenever one of them changes."""
    modules = pure_modules()
    code = b"".join((ROOT / module).read_bytes() for module in modules)
    random.Random(zlib.crc32(code)).shuffle(modules)
    looked_at = [modules[number] for number in rounds(sample=2, full=len(modules))]

    def left_out(module: str) -> list[str]:
        directory = tmp_path / module
        directory.mkdir(parents=True)
        return missing(module, own_tests(module), directory)

    with ThreadPoolExecutor(os.cpu_count()) as several:
        lacking = dict(zip(looked_at, several.map(left_out, looked_at), strict=True))
    assert {module: lines for module, lines in lacking.items() if lines} == {}


def test_the_tests_of_another_module_do_not_cover(tmp_path: Path) -> None:
    tests = own_tests("handler/deepgram/replay.py")  # they import the mixer
    assert missing("handler/audio/mixer.py", tests, tmp_path) != []


@pytest.mark.parametrize("module", pure_modules())
def test_what_is_left_out_of_coverage_has_a_reason(module: str) -> None:
    """``# pragma: no cover  it cannot happen: …``."""
    for line in (ROOT / module).read_text().splitlines():
        assert not re.search(r"pragma: no (cover|branch)\W*$", line), line
