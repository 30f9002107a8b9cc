"""deploy/release/ and deploy/image/: what a release says of itself, and what its image holds."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
COLLECT = ROOT / "deploy" / "image" / "collect.py"
CHANGELOG = """\
# Changelog

## 1.2.0 (2026-12-01)

- New.

## 1.1.0

## 1.0.0

- Old.
"""


@pytest.fixture(scope="module")
def release() -> ModuleType:
    path = ROOT / "deploy" / "release" / "notes.py"
    spec = importlib.util.spec_from_file_location("release_notes", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_notes_are_the_section_of_the_version(release):
    assert release.notes("v1.2.0", "1.2.0", CHANGELOG) == "- New.\n"
    assert release.notes("v1.0.0", "1.0.0", CHANGELOG) == "- Old.\n"


@pytest.mark.parametrize(
    ("tag", "version", "said"),
    [
        ("v1.2.1", "1.2.0", "the version in pyproject.toml 1.2.0"),
        ("1.2.0", "1.2.0", "the tag is 1.2.0"),
        ("v1.1.0", "1.1.0", "no section '## 1.1.0'"),
        ("v1.2", "1.2", "no section '## 1.2'"),
    ],
)
def test_a_tag_without_notes_is_no_release(release, tag, version, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        release.notes(tag, version, CHANGELOG)


def test_the_base_of_a_release_is_the_one_that_the_dockerfile_names_with_its_digest():
    base = (ROOT / "deploy" / "image" / "base").read_text().strip()
    name = re.search(r"^ARG PYTHON=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert name is not None
    assert re.fullmatch(re.escape(name[1]) + r"@sha256:[0-9a-f]{64}", base)


DEBIAN = [*map(shutil.which, ("dpkg", "ldd", "strip", "ldconfig"))]


@pytest.mark.skipif(
    None in DEBIAN or not Path("/etc/ca-certificates.conf").exists(),
    reason="reads a Debian's libraries: apt install binutils ca-certificates",
)
def test_the_image_holds_the_libraries_that_it_loads_and_names_their_packages(tmp_path):
    """The root of the image, made of a directory with two binaries, is one that can be run in."""
    source = tmp_path / "source"
    (source / "tests").mkdir(parents=True)
    (source / "tests" / "test_it.py").touch()
    shutil.copy("/usr/bin/env", source / "env")
    (source / "link").symlink_to("env")
    root = tmp_path / "root"
    subprocess.run([sys.executable, COLLECT, root, source], check=True)
    held = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    under = str(source).removeprefix("/")
    assert f"{under}/env" in held
    assert f"{under}/tests/test_it.py" not in held
    assert (root / under / "link").is_symlink()
    assert any(re.search(r"(^|/)libc\.so\.6$", path) for path in held)
    assert "var/lib/dpkg/status.d/libc6" in held
    assert "usr/share/doc/libc6/copyright" in held
    assert "BEGIN CERTIFICATE" in (root / "etc/ssl/certs/ca-certificates.crt").read_text()
    assert "partyline:x:10001:" in (root / "etc/passwd").read_text()
    assert (root / "tmp").stat().st_mode & 0o7777 == 0o1777
