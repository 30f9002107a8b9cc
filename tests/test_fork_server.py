"""The services of the tests are forks of one process: whoever starts or stops them, and however."""

import contextlib
import os
import signal
import subprocess
import sys

import pytest
from support.fork_server import AVAILABLE, TESTS
from support.processes import ENVIRON, wait_gone
from support.timing import PATIENCE

pytestmark = pytest.mark.skipif(not AVAILABLE, reason="forks are for Linux")


def run(program: str) -> str:
    """Run a program that uses them, in a session of its own; returns what it prints."""
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env={**ENVIRON, "PYTHONPATH": str(TESTS)},
        cwd=TESTS.parent,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        try:
            told, _ = running.communicate(timeout=PATIENCE)
        finally:
            with contextlib.suppress(ProcessLookupError):  # nothing of it is left
                os.killpg(running.pid, signal.SIGKILL)
    assert running.returncode == 0
    return told


def test_threads_that_begin_at_once_have_their_services_of_one_process():
    """Another one would know nothing of their end."""
    told = run("""
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from support.fork_server import Fork
begin = Barrier(8)
def version(number):
    begin.wait()
    return Fork(["--version"], {}).wait()
with ThreadPoolExecutor(8) as threads:
    print(*threads.map(version, range(8)))
""")
    assert told.split() == ["0"] * 8


def test_an_interrupt_from_the_terminal_ends_services_and_their_end_is_known():
    told = run("""
import os, signal
from support.processes import serving
with serving() as serve:
    service = serve()
    signal.signal(signal.SIGINT, lambda *_: None)
    os.killpg(0, signal.SIGINT)
    print(service.ended_with())
    print(serve().stop())
""")
    assert told.split() == ["0", "0"]


def test_an_interrupt_while_that_process_loads_does_not_end_it():
    told = run("""
import os, signal
from support.fork_server import Fork, fork_server
signal.signal(signal.SIGINT, lambda *_: None)
fork_server()
os.killpg(0, signal.SIGINT)
print(Fork(["--version"], {}).wait())
""")
    assert told.split() == ["0"]


@pytest.mark.parametrize("reaped", [False, True])
def test_without_the_process_that_forks_each_service_is_ended_all_the_same(reaped):
    """Whether or not somebody takes their exit codes at once."""
    told = run(f"""
import ctypes, signal
from support.fork_server import ForkServerGone, fork_server
from support.processes import serving
PR_SET_CHILD_SUBREAPER = 36
if {reaped}:
    fork_server()
    assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1) == 0
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
try:
    with serving() as serve:
        services = [serve(), serve()]
        fork_server()._server.kill()
except ForkServerGone:
    print(*(service.popen.pid for service in services))
""")
    pids = [int(pid) for pid in told.split()]
    assert len(pids) == 2
    wait_gone(pids)
