"""deploy/kubernetes/nats/: three servers of its configuration, on loopback, with TLS and users."""

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.processes import ENVIRON, partyline
from support.timing import PATIENCE

from bench.processes import free_ports
from broker.server.embedded import find_binary

ROOT = Path(__file__).parent.parent
USERS = ("ADMIN", "HANDLER", "TAP", "HISTORY", "FORWARD", "ROUTE")
AGAIN = 0.5


def openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def certificates(directory: Path) -> Path:
    """Make an authority, and a certificate of it for all three, as cert-manager does."""
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    ours = ("-subj", "/CN=nats", "-addext", "subjectAltName=IP:127.0.0.1")
    ca = ("-CA", directory / "ca.crt", "-CAkey", directory / "ca.key")
    openssl(
        *("req", "-x509", *key, "-subj", "/CN=nats-ca"),
        *("-keyout", directory / "ca.key", "-out", directory / "ca.crt"),
    )
    openssl("req", *key[:-2], *ours, "-keyout", directory / "tls.key", "-out", directory / "csr")
    openssl(
        *("x509", "-req", "-in", directory / "csr", *ca, "-days", "2", "-copy_extensions", "copy"),
        *("-out", directory / "tls.crt"),
    )
    return directory / "ca.crt"


@contextlib.contextmanager
def cluster(directory: Path) -> Iterator[list[int]]:
    """Run the servers; yields the ports for clients."""
    clients, routes, monitors = (free_ports(3) for _ in range(3))
    text = (ROOT / "deploy" / "kubernetes" / "nats" / "cluster.conf").read_text()
    for name in ("nats", "nats-users"):  # beside each other, as they are mounted
        (directory / name).mkdir()
    shutil.copy(ROOT / "broker" / "server" / "users.conf", directory / "nats-users")
    environ = {f"{user}_PASSWORD": "pw" for user in USERS}
    environ["CLUSTER_ROUTE"] = f"nats://route:pw@127.0.0.1:{routes[0]}"
    with contextlib.ExitStack() as stack:
        for number in range(3):
            conf = directory / "nats" / f"{number}.conf"
            conf.write_text(
                text.replace("0.0.0.0:4222", f"127.0.0.1:{clients[number]}")
                .replace("0.0.0.0:6222", f"127.0.0.1:{routes[number]}")
                .replace("127.0.0.1:8222", f"127.0.0.1:{monitors[number]}")
                .replace("/data/", f"{directory}/{number}/")
                .replace("/tls/", f"{directory}/")
            )
            server = subprocess.Popen(
                [find_binary(), "-c", conf, f"--name=nats-{number}"],
                env=ENVIRON | environ,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(server.wait, PATIENCE)
            stack.callback(server.terminate)
        yield clients


def test_three_servers_keep_three_copies_for_those_who_trust_their_authority(tmp_path):
    authority = certificates(tmp_path).read_text()
    with cluster(tmp_path) as ports:
        url = f"tls://admin:pw@127.0.0.1:{ports[1]}"
        until = time.monotonic() + PATIENCE
        # A cluster that has just begun has no leader for some seconds.
        while True:
            made = partyline("provision", "--replicas", "3", NATS_URL=url, NATS_CA=authority)
            if made.returncode == 0 or time.monotonic() > until:
                break
            time.sleep(AGAIN)
        assert made.returncode == 0, made.stderr
        assert "3 replica(s)" in made.stdout
        stranger = partyline("provision", NATS_URL=url)
        assert stranger.returncode == 1
        assert "its certificate is not trusted" in stranger.stderr
        in_clear = partyline("provision", NATS_URL=url.replace("tls://", "nats://"))
        assert in_clear.returncode == 1


@pytest.mark.parametrize("line", ["ca_file", "verify: true", "ROUTE_PASSWORD", "users.conf"])
def test_the_configuration_says_what_keeps_strangers_out(line):
    text = (ROOT / "deploy" / "kubernetes" / "nats" / "cluster.conf").read_text()
    assert line in text
