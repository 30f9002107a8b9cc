"""
Prints what a release brings: the section of its version in CHANGELOG.md.

``python deploy/release/notes.py v0.1.0`` ends with 1, and says why, if the tag is not the version
of ``pyproject.toml`` or the changelog says nothing of it.
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def notes(tag: str, version: str, changelog: str) -> str:
    """
    Return the section of a version.

    Raises:
        ValueError: the tag is another version's, or the section is missing or empty.
    """
    if tag != f"v{version}":
        raise ValueError(f"the tag is {tag}, the version in pyproject.toml {version}")
    heading = rf"^## {re.escape(version)}(?: [^\n]*)?\n"
    found = re.search(rf"{heading}(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    if found is None or not found[1].strip():
        raise ValueError(f"CHANGELOG.md has no section '## {version}': name what is unreleased so")
    return found[1].strip() + "\n"


def main() -> int:
    """Print; the argument is the tag."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    try:
        print(notes(sys.argv[1], version, (ROOT / "CHANGELOG.md").read_text()), end="")
    except ValueError as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
