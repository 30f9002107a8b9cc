"""bench: every measurement can be started."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
MODULES = sorted(path.stem for path in (ROOT / "bench").glob("*.py") if path.stem[0] != "_")


def test_every_measurement_can_be_imported():
    assert "startup" in MODULES
    program = "; ".join(f"import bench.{name}" for name in ("__main__", *MODULES))
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
