"""handler/server/descriptors.py: as many descriptors as the process is let."""

import resource
import subprocess
import sys

import pytest

PROGRAM = """
import resource
from handler.server.descriptors import raise_limit
print(raise_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""
LIMIT = "resource.setrlimit(resource.RLIMIT_NOFILE, ({}, {}))"


@pytest.mark.parametrize(("soft", "hard"), [(64, 200), (200, 200)])
def test_the_soft_limit_becomes_the_hard_one(soft, hard):
    ended = subprocess.run(
        [sys.executable, "-c", f"import resource\n{LIMIT.format(soft, hard)}\n{PROGRAM}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.split() == ["200", "200", "200"]


def test_what_is_told_is_what_holds():
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    told, soft, _ = map(int, ended.stdout.split())
    assert told == soft
    assert told >= resource.getrlimit(resource.RLIMIT_NOFILE)[0]
