"""What the documents and the comments name is there: files, and the tests that prove a promise."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = (ROOT, ROOT / "docs", ROOT / "bench")
# The changelog may name what is gone.
DOCUMENTS = {path for folder in FOLDERS for path in folder.glob("*.md")} - {ROOT / "CHANGELOG.md"}
PACKAGES = ("handler", "broker", "rehearsal", "clients")
CODE = {path for name in PACKAGES for path in (ROOT / name).rglob("*.py")}
PATH = re.compile(
    r"(?<![\w./-])(?:handler|broker|rehearsal|bench|clients|tests|deploy|requirements|\.ci|docs)/[\w./-]*\w"
)
GUARANTEES = (ROOT / "docs" / "guarantees.md").read_text()
PROOFS = sorted(set(re.findall(r"`pytest ([^`]+)`", GUARANTEES)))


@pytest.mark.parametrize(
    "path", sorted(DOCUMENTS | CODE), ids=lambda path: str(path.relative_to(ROOT))
)
def test_a_file_that_is_named_exists(path: Path) -> None:
    named = {name for name in PATH.findall(path.read_text()) if "." in Path(name).name}
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_the_index_for_programs_leads_to_every_page_and_to_nothing_else() -> None:
    """As https://llmstxt.org has it: a title, what it is, then links with what is there."""
    text = (ROOT / "llms.txt").read_text()
    assert re.match(r"# Partyline\n\n> ", text)
    linked = re.findall(r"^- \[[^]]+\]\(([^)]+)\): \S", text, re.MULTILINE)
    assert [name for name in linked if not (ROOT / name).exists()] == []
    pages = {str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md")}
    assert pages <= set(linked)


def selects(expression: str, test: str) -> bool:
    """What ``-k`` does, for words joined by and, or, not."""

    def found(word: re.Match[str]) -> str:
        known = word[0] in ("and", "or", "not")
        return word[0] if known else str(word[0].lower() in test.lower())

    return bool(eval(re.sub(r"\w+", found, expression)))  # noqa: S307  words of our own document


@pytest.mark.parametrize("arguments", PROOFS)
def test_the_proof_of_a_promise_selects_tests(arguments: str) -> None:
    paths, _, expression = arguments.partition(" -k ")
    tests = [
        f"{file.name}::{name}"
        for path in paths.split()
        for file in ([ROOT / path] if path.endswith(".py") else (ROOT / path).rglob("test_*.py"))
        for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)
    ]
    assert [test for test in tests if selects(expression.strip('"') or "test", test)]
