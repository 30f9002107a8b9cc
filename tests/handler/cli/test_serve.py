"""handler/cli/serve.py: the process around the application."""

import subprocess
import sys

import pytest
from support.credentials import NEEDED
from support.processes import ENVIRON
from support.timing import PATIENCE


@pytest.mark.parametrize("kind", ["nothing", "a file", "closed"])
def test_standard_input_of_any_kind_ends_the_service_when_it_ends(kind, tmp_path):
    """A supervisor may hand on what the loop cannot wait for."""
    (tmp_path / "file").write_text("a line\n")
    path = tmp_path / "file" if kind == "a file" else "/dev/null"
    command = [sys.executable, "-m", "handler.cli", "serve", "--embedded-nats", "--stop-at-eof"]
    if kind == "closed":
        command = ["sh", "-c", 'exec "$@" <&-', "sh", *command]
    with open(path) as stdin:  # noqa: PTH123  either of them
        ended = subprocess.run(
            command,
            env={**ENVIRON, **NEEDED, "HOST": "127.0.0.1", "PORT": "0"},
            stdin=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert (ended.returncode, "Traceback" in ended.stderr) == (0, False), ended.stderr
