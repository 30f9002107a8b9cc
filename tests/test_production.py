"""An environment with the production requirements and the wheel alone, as the image has it."""

import asyncio
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest
from support.credentials import NEEDED
from support.processes import ENVIRON

from broker.server.embedded import EmbeddedServer

ROOT = Path(__file__).parent.parent
UNWANTED = (
    "aiohttp",
    "rich",
    "onnxruntime",
    "moonshine_voice",
    "webrtcvad",
    "jiwer",
    "pytest",
    "hypothesis",
    "playwright",
    "twilio",
    "deepgram",
    "mypy",
    "rehearsal",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Build the wheel of what the Dockerfile copies; a build writes beside its source."""
    source = tmp_path_factory.mktemp("source")
    dockerfile = (ROOT / "Dockerfile").read_text()
    for sources, target in re.findall(r"^COPY (.+) /source/(.*)$", dockerfile, re.MULTILINE):
        for name in sources.split():
            if target:
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / name, source / target, ignore=ignored)
            else:
                shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", source, source], check=True)
    (built,) = source.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def production(tmp_path_factory, wheel) -> Path:
    directory = tmp_path_factory.mktemp("production")
    venv.create(directory)
    python = directory / "bin" / "python"
    requirements = ROOT / "requirements" / "production.txt"
    # Our own pip installs into it: to install another one first would take as long again.
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    subprocess.run([*pip, "--no-compile", "--require-hashes", "-r", requirements], check=True)
    subprocess.run([*pip, "--no-compile", "--no-deps", wheel], check=True)
    return directory


def test_it_has_no_aiohttp_no_recogniser_and_no_test_tool(production):
    program = (
        f"import importlib.util as u;print(*[name for name in {UNWANTED!r} if u.find_spec(name)])"
    )
    found = subprocess.run(
        [production / "bin" / "python", "-c", program],
        cwd=production,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split() == []


def test_the_command_says_which_version_it_is(production):
    command = [production / "bin" / "partyline", "--version"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert told == f"partyline {version}\n"


async def test_the_service_starts_and_drains_in_it(production):
    async with EmbeddedServer() as nats:
        settings = {
            **ENVIRON,
            **NEEDED,
            "HOST": "127.0.0.1",
            "PORT": "0",
            "NATS_URL": nats.url,
        }
        service = await asyncio.create_subprocess_exec(
            production / "bin" / "python",
            *("-W", "error", "-m", "handler.cli", "serve"),
            cwd=production,
            env=settings,
            stderr=asyncio.subprocess.PIPE,
        )
        lines = []
        async for line in service.stderr:
            lines.append(line.decode())
            if '"ready"' in lines[-1]:
                service.terminate()
        code = await service.wait()
    assert code == 0, "".join(lines)
    assert '"stopped"' in lines[-1]
