"""An environment with the production requirements alone, as the image has it."""

import asyncio
import subprocess
import sys
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
def production(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("production")
    venv.create(directory)
    python = directory / "bin" / "python"
    requirements = ROOT / "requirements" / "production.txt"
    # Our own pip installs into it: to install another one first would take as long again.
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    subprocess.run([*pip, "--no-compile", "--require-hashes", "-r", requirements], check=True)
    for package in ("handler", "broker"):  # as the Dockerfile copies them
        (directory / package).symlink_to(ROOT / package)
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
