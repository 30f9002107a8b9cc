"""The page's modules that need no browser, by the tests beside this file."""

import os
import re
import subprocess
from pathlib import Path

from deno import find_deno_bin
from support.timing import PATIENCE

HERE = Path(__file__).parent
# They have no document, no clock, no network.
PURE = ("delay", "followed_numbers", "format", "known_calls", "previews", "transcript", "wire")


def deno(*arguments: str, cache: Path) -> str:
    environ = {**os.environ, "DENO_DIR": str(cache), "DENO_NO_UPDATE_CHECK": "1", "NO_COLOR": "1"}
    done = subprocess.run(
        [find_deno_bin(), *arguments],
        env=environ,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_pure_modules_pass_their_tests_which_reach_every_line(tmp_path):
    cache, coverage = tmp_path / "cache", tmp_path / "coverage"
    deno("test", "--no-check", f"--coverage={coverage}", str(HERE), cache=cache)
    report = deno("coverage", "--lcov", str(coverage), cache=cache)
    missed = {
        Path(path).stem: re.findall(r"^(?:DA|BRDA):(.*),0$", lines, re.MULTILINE)
        for path, lines in re.findall(r"^SF:(.*)\n((?:.+\n)*?)end_of_record$", report, re.MULTILINE)
    }
    assert missed == {name: [] for name in PURE}
