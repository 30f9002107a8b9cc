"""Node.js, where there is one that has a WebSocket."""

import re
import shutil
import subprocess

import pytest

OLDEST = 20


def _command() -> list[str] | None:
    path = shutil.which("node")
    if path is None:
        return None
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"v(\d+)", said)
    if version is None or int(version[1]) < OLDEST:
        return None
    return [path, "--experimental-websocket"]  # before version 22 it is on request


NODE = _command()
needs_node = pytest.mark.skipif(NODE is None, reason=f"needs Node.js {OLDEST} or newer")
