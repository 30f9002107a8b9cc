"""``make lint`` refuses an import that breaks a rule: each is planted in a copy of the code."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RULES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
NAMES = {rule["id"]: rule["name"] for rule in RULES["contracts"]}


# Where packages lie that are not at the root; in a copy, all are.
HOMES = {"partyline_client": ROOT / "clients" / "python"}


def copy(to: Path) -> None:
    for package in RULES["root_packages"]:
        home = HOMES.get(package, ROOT)
        for path in (home / package).rglob("*.py"):
            target = to / path.relative_to(home)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    shutil.copy(ROOT / "pyproject.toml", to)


def broken(directory: Path) -> set[str]:
    """Run the command of ``make lint`` on a copy; returns the rules that it says are broken."""
    recipe = re.search(
        r"^lint:.*\n(?:\t.*\n)*?\t\$\(BIN\)/(lint-imports.*)", makefile(), re.MULTILINE
    )
    assert recipe, "make lint checks no imports"
    program, *arguments = recipe[1].split()
    command = [str(Path(sys.executable).parent / program), *arguments]
    result = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    kept = {rule for rule, name in NAMES.items() if f"\n{name} KEPT" in result.stdout}
    found = {rule for rule, name in NAMES.items() if f"\n{name} BROKEN" in result.stdout}
    assert kept | found == NAMES.keys(), result.stdout + result.stderr
    assert result.returncode == (1 if found else 0)
    return found


def makefile() -> str:
    return (ROOT / "Makefile").read_text()


def test_the_code_keeps_the_rules(tmp_path: Path) -> None:
    copy(tmp_path)
    assert broken(tmp_path) == set()


PLANTED = {
    "broker imports handler": (
        "broker/settings.py",
        "import handler.errors",
        {"broker-alone"},
    ),
    "broker imports a web framework": (
        "broker/provision.py",
        "import starlette",
        {"broker-alone"},
    ),
    "rehearsal imports broker": (
        "rehearsal/errors.py",
        "import broker.errors",
        {"rehearsal-alone"},
    ),
    "rehearsal imports handler inside a function": (
        "rehearsal/errors.py",
        "def late():\n    import handler.errors",
        {"rehearsal-alone"},
    ),
    "handler imports rehearsal": (
        "handler/cli/serve.py",
        "import rehearsal.errors",
        {"rehearsal-stays-out"},
    ),
    "the client imports the service": (
        "partyline_client/client.py",
        "import handler.errors",
        {"client-alone"},
    ),
    "watch connects by itself": (
        "handler/cli/watch.py",
        "import websockets",
        {"watch-by-the-client"},
    ),
    "broker imports the client": (
        "broker/errors.py",
        "import partyline_client.errors",
        {"broker-alone"},
    ),
    "a module of the client imports a higher one": (
        "partyline_client/progress.py",
        "import partyline_client.subscription",
        {"client-rooms", "no-circles", "pure"},
    ),
    "handler imports bench": (
        "handler/cli/serve.py",
        "import bench.peer",
        {"bench-on-top"},
    ),
    "a room imports the composition root": (
        "handler/page/page.py",
        "from handler.app import create_app",
        {"handler-rooms", "no-circles"},
    ),
    "a lower room imports a higher one": (
        "handler/deepgram/recogniser.py",
        "import handler.calls.endpoint",
        {"handler-rooms", "no-circles"},
    ),
    "a room imports its neighbour": (
        "handler/calls/endpoint.py",
        "import handler.subscribers.commands",
        {"handler-rooms"},
    ),
    "a part of the broker imports the whole": (
        "broker/provision.py",
        "import broker.broker",
        {"no-circles"},
    ),
    "a part of the broker imports its neighbour": (
        "broker/follow.py",
        "import broker.janitor",
        {"broker-rooms"},
    ),
    "two modules import each other": (
        "broker/errors.py",
        "import broker.identifiers",
        {"no-circles"},
    ),
    "two modules import each other, for types alone": (
        "broker/errors.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import broker.identifiers",
        {"no-circles"},
    ),
    "a circle inside a room": (
        "handler/audio/mulaw.py",
        "import handler.audio.mixer",
        {"no-circles"},
    ),
    "a pure module imports the clock": (
        "handler/audio/mixer.py",
        "import time",
        {"pure"},
    ),
    "a pure module imports the loop by way of another": (
        "handler/errors.py",
        "import asyncio",
        {"pure"},
    ),
}


@pytest.mark.parametrize(("path", "line", "rules"), PLANTED.values(), ids=PLANTED)
def test_a_planted_import_fails(path: str, line: str, rules: set[str], tmp_path: Path) -> None:
    copy(tmp_path)
    with (tmp_path / path).open("a") as module:
        module.write(f"\n{line}\n")
    assert broken(tmp_path) == rules


def test_a_room_that_no_rule_names_fails(tmp_path: Path) -> None:
    copy(tmp_path)
    (tmp_path / "handler" / "attic.py").touch()
    assert broken(tmp_path) == {"handler-rooms"}


def test_a_module_that_calls_itself_pure_is_held_to_it() -> None:
    (rule,) = (rule for rule in RULES["contracts"] if rule["id"] == "pure")
    listed = [name.replace(".", "/") + ".py" for name in rule["source_modules"]]
    for package in ("handler", "broker", "partyline_client"):
        home = HOMES.get(package, ROOT)
        for path in (home / package).rglob("*.py"):
            says = ast.get_docstring(ast.parse(path.read_text())) or ""
            if re.search(r"\bPure\b", says):
                name = path.relative_to(home)
                assert any(name.match(pattern) for pattern in listed), name
