"""Debian's nginx and HAProxy before a service, by configurations of a test's own."""

import asyncio
import contextlib
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from support.timing import LOOK, PATIENCE, patience

from bench.processes import free_port

DEPLOY = Path(__file__).parents[2] / "docs" / "deploy.md"
# What Debian's package configures; nginx's has nothing that concerns a proxy.
HAPROXY_DEFAULTS = """\
defaults
    mode http
    timeout connect 5000
    timeout client 50000
    timeout server 50000
"""
# Without a time of its own a check has that between two: whoever answers later is left out at once.
CHECK_SECONDS = 5


def recommended(language: str) -> list[str]:
    """Return the blocks of that language in docs/deploy.md."""
    return re.findall(rf"```{language}\n(.*?)```", DEPLOY.read_text(), re.DOTALL)


def nginx(port: int, service: int, home: Path, *, own_lines: bool) -> tuple[list[str], str]:
    """Return the command and the configuration, with what docs/deploy.md recommends or without."""
    http, server = recommended("nginx") if own_lines else ("", "location / { proxy_pass UP; }")
    server = server.replace("UP", "http://127.0.0.1:8080").replace(":8080", f":{service}")
    server = server.replace("/var/log/nginx", str(home))
    paths = "".join(
        f"{name}_temp_path {home}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    conf = f"""\
{"user root;" if os.geteuid() == 0 else ""}
daemon off; worker_processes 1; pid {home}/pid; error_log {home}/error.log;
events {{}}
http {{
    {paths} access_log off;
    {http}
    server {{ listen 127.0.0.1:{port}; {server} }}
}}
"""
    return ["nginx", "-p", str(home), "-c"], conf


def haproxy(port: int, service: int, home: Path, *, own_lines: bool) -> tuple[list[str], str]:
    """Likewise; it keeps no files."""
    del home
    lines = f"{HAPROXY_DEFAULTS}\nbackend partyline\n    server one 127.0.0.1:8080\n"
    if own_lines:
        (lines,) = recommended("haproxy")
    conf = f"""\
{lines.replace(":8080", f":{service}")}
frontend all
    bind 127.0.0.1:{port}
    default_backend partyline
"""
    return ["haproxy", "-db", "-f"], conf


KINDS = {"nginx": nginx, "haproxy": haproxy}


def installed(kind: str) -> str:
    """Return the program, or skip the test: in CI it has to be there."""
    found = shutil.which(kind, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None and os.environ.get("CI"):
        pytest.fail(f"{kind} is not installed, and in CI it must be: see .ci/run")
    if found is None:
        package = {"nginx": "nginx-light", "kubectl": "kubernetes-client"}.get(kind, kind)
        pytest.skip(f"{kind} is not installed: apt install {package}")
    return found


@contextmanager
def proxy(kind: str, service: int, home: Path, *, own_lines: bool) -> Iterator[int]:
    """Run a proxy before a service's port; returns its own, once it takes connections."""
    port = free_port()
    (program, *rest), conf = KINDS[kind](port, service, home, own_lines=own_lines)
    path = home / "conf"
    path.write_text(conf)
    command = [installed(program), *rest, str(path)]
    with _running(command, home, port):
        yield port


@contextmanager
def _running(command: list[str], home: Path, port: int) -> Iterator[None]:
    with (home / "output").open("w") as output, subprocess.Popen(command, stderr=output) as running:
        try:
            _await_port(port, running, home)
            yield
        finally:
            running.terminate()
            running.wait(PATIENCE)


def _await_port(port: int, running: subprocess.Popen[bytes], home: Path) -> None:
    while True:
        assert running.poll() is None, (home / "output").read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return


@contextmanager
def balancer(
    services: list[int],
    home: Path,
    subscribers: list[int] | None = None,
    *,
    by: str = "roundrobin",
    check_seconds: int = CHECK_SECONDS,
) -> Iterator[int]:
    """
    Run HAProxy before some services, as docs/deploy.md recommends; returns its port.

    It looks for them five times a second: :func:`found` waits until it has found them.

    Args:
        services: Their ports; one that nobody listens to is left out until somebody does.
        home: For its files.
        subscribers: Services that take in all but Twilio, if they are others.
        by: How it chooses. In turn, all webhooks may come to one, and all media streams to another;
            with ``leastconn`` whoever has the fewest sockets is next.
        check_seconds: How long a service may take to say that it is ready.
    """
    port = free_port()
    apart = "" if subscribers is None else "use_backend subscribers unless { path_beg /twilio }"
    path = home / "conf"
    path.write_text(f"""\
{HAPROXY_DEFAULTS}
    timeout tunnel 1h
frontend all
    bind 127.0.0.1:{port}
    http-request return content-type text/plain lf-string "%[nbsrv(partyline)]" if {{ path /found }}
    {apart}
    default_backend partyline
{_backend("partyline", services, by, check_seconds)}
{_backend("subscribers", subscribers or [], by, check_seconds)}
""")
    command = [installed("haproxy"), "-db", "-f", str(path)]
    with _running(command, home, port):
        yield port


async def found(port: int, count: int) -> None:
    """
    Wait until a balancer has found so many services: calls come to those alone that it has.

    It is asked once those are ready. In its own first moments it takes all for found.
    """
    known = 0
    async with patience(), httpx.AsyncClient(trust_env=False) as client:
        while known < count:
            await asyncio.sleep(LOOK)
            known = int((await client.get(f"http://127.0.0.1:{port}/found")).text)


def _backend(name: str, services: list[int], by: str, check_seconds: int) -> str:
    servers = "\n".join(
        f"    server s{number} 127.0.0.1:{service} check inter 200 fall 1 rise 1"
        for number, service in enumerate(services)
    )
    return f"""\
backend {name}
    balance {by}
    timeout check {check_seconds}s
    option httpchk GET /readyz
    option redispatch 1
    retries 5
    retry-on 503 conn-failure empty-response
{servers}"""
