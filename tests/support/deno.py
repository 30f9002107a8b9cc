"""JavaScript that needs no browser, in Deno."""

import os
import re
import subprocess
from pathlib import Path

from deno import find_deno_bin
from support.timing import PATIENCE


def deno(*arguments: str, cache: Path) -> str:
    """Run it to a good end; returns what it printed."""
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


def missed_lines(tests: Path, scratch: Path) -> dict[str, list[str]]:
    """Run the tests beside a file; returns what they miss of each module that they reach."""
    cache, coverage = scratch / "cache", scratch / "coverage"
    deno("test", "--no-check", f"--coverage={coverage}", str(tests), cache=cache)
    report = deno("coverage", "--lcov", str(coverage), cache=cache)
    return {
        Path(path).stem: re.findall(r"^(?:DA|BRDA):(.*),0$", lines, re.MULTILINE)
        for path, lines in re.findall(r"^SF:(.*)\n((?:.+\n)*?)end_of_record$", report, re.MULTILINE)
    }
