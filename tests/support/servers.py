"""nats-servers with options of a test's own, where the embedded one does not do."""

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.processes import ENVIRON
from support.timing import LOOK, PATIENCE

from broker.server.embedded import find_binary


@contextmanager
def nats_server(directory: Path, *flags: str, **environ: str) -> Iterator[int]:
    """Run a server that chooses its port, on loopback; yields the port."""
    server = subprocess.Popen(
        [find_binary(), f"--ports_file_dir={directory}", *flags],
        env=ENVIRON | environ,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield _port(server, directory)
    finally:
        server.terminate()
        server.wait(PATIENCE)


def _port(server: subprocess.Popen[bytes], directory: Path) -> int:
    """Wait for the file in which a server writes down where it listens."""
    while server.poll() is None:
        for path in directory.glob("*.ports"):
            with contextlib.suppress(ValueError):  # half written
                return int(json.loads(path.read_text())["nats"][0].rpartition(":")[2])
        time.sleep(LOOK)
    raise AssertionError("the server ended")
