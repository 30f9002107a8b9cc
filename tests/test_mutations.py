"""
Defects planted in the audio path: the tests of the mixer must catch each of them.

Each patch in ``tests/mutations`` is applied to a copy of the code; then a test must fail.
"""

import random
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from support.timing import PATIENCE

ROOT = Path(__file__).parents[1]
PATCHES = sorted((ROOT / "tests" / "mutations").glob("*.patch"))
TESTS = ("tests/handler/audio/test_mixer.py", "tests/handler/audio/test_mixer_properties.py")


def copy(to: Path, patch: Path | None = None) -> None:
    """Copy what the tests of the mixer need, with a defect planted in it."""
    for name in ("handler", "tests/support"):
        shutil.copytree(ROOT / name, to / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "tests/conftest.py", *TESTS):
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, to / name)
    if patch is not None:
        subprocess.run(["git", "apply", str(patch)], cwd=to, check=True)


def run(directory: Path) -> subprocess.CompletedProcess[str]:
    """Run the tests of a copy, up to the first that fails."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *TESTS]
    return subprocess.run(
        command, cwd=directory, capture_output=True, text=True, timeout=10 * PATIENCE, check=False
    )


def test_each_patch_fits_the_code(tmp_path):
    assert len(PATCHES) >= 10
    copy(tmp_path)
    for patch in PATCHES:
        subprocess.run(["git", "apply", "--check", str(patch)], cwd=tmp_path, check=True)


def test_the_copy_is_what_is_tested(tmp_path):
    copy(tmp_path)
    assert run(tmp_path).returncode == 0
    (tmp_path / "handler" / "audio" / "mixer.py").write_text("raise RuntimeError('the copy')")
    assert "the copy" in run(tmp_path).stdout


@pytest.mark.proof
def test_every_defect_is_caught(rounds, tmp_path):
    """A sample takes other patches whenever the mixer changes."""
    patches = PATCHES.copy()
    names = ("mixer.py", "timeline.py", "wait.py")
    code = b"".join((ROOT / "handler" / "audio" / name).read_bytes() for name in names)
    random.Random(zlib.crc32(code)).shuffle(patches)
    survivors = []
    for number in rounds(sample=2, full=len(PATCHES)):
        patch = patches[number]
        copy(tmp_path / patch.stem, patch)
        result = run(tmp_path / patch.stem)
        failed = [line for line in result.stdout.splitlines() if line.startswith("FAILED")]
        print(f"{patch.stem}: {failed[0] if failed else 'NOT CAUGHT'}")
        if result.returncode != 1 or not failed:
            survivors.append(patch.stem)
    assert survivors == []
