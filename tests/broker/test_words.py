"""broker/words.py: what went wrong, in words that say what to do."""

import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import nats.errors
import nats.js.errors
import pytest
from support.credentials import CERTIFICATE
from support.processes import partyline
from support.servers import nats_server
from support.sids import call_sid
from support.timing import until

from broker.broker import Broker
from broker.settings import BrokerSettings
from broker.words import NO_ANSWER, NO_JETSTREAM, said

API = nats.js.errors.APIError.from_error


def of_the_api(**answer: object) -> Exception:
    """Make the client's exception of an answer, as the client does."""
    try:
        API({"code": 500, **answer})
    except nats.js.errors.APIError as exc:
        return exc
    raise AssertionError


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (nats.js.errors.ServiceUnavailableError(), NO_JETSTREAM),
        (nats.errors.NoRespondersError(), NO_JETSTREAM),
        (of_the_api(code=503, err_code=10076, description="JetStream not enabled"), NO_JETSTREAM),
        (of_the_api(code=503, err_code=10039), "this account has no JetStream"),
        (of_the_api(err_code=10074), "copies need a cluster, and this is a single server"),
        (of_the_api(err_code=10047), "raise its max_file_store, or lower MAX_MEGABYTES"),
        (of_the_api(code=400, err_code=10065), "another stream takes the same subjects"),
        (of_the_api(err_code=1, description="something new"), "something new"),
        (nats.js.errors.APIError(code=418), "refuses with code 418"),
        (nats.errors.TimeoutError(), NO_ANSWER),
        (TimeoutError(), NO_ANSWER),
        (nats.errors.Error("nats: 'Authorization Violation'"), "check NATS_URL"),
        (nats.errors.Error("nats: 'User Authentication Expired'"), "set NATS_CREDS"),
        (
            nats.errors.Error('nats: permissions violation for publish to "a.b"'),
            'this user may not publish to "a.b": docs/operations.md',
        ),
        (
            nats.errors.Error('nats: permissions violation for subscription to "a.>"'),
            'this user may not subscribe to "a.>"',
        ),
        (
            nats.errors.Error(
                'nats: permissions violation for subscription to "_INBOX_admin.xR2d.*"'
            ),
            'this user may not subscribe to "_INBOX_admin.>"',
        ),
        (nats.errors.Error("nats: empty response from server when expecting INFO message"), "port"),
        (nats.errors.UnexpectedEOF(), "the server closed the connection"),
        (nats.errors.Error("nats: something\r\nnew"), "something new"),
        (nats.errors.Error(), "Error"),
        (ConnectionRefusedError(111, "Connect call failed ('::1', 1)"), "is a server running"),
        (OSError("Multiple exceptions: [Errno 111] Connect call failed"), "is a server running"),
        (socket.gaierror(-2, "Name or service not known"), "is the name right?"),
        (OSError(113, "Connect call failed ('10.0.0.1', 1)"), "No route to host"),
        (
            OSError("Multiple exceptions: [Errno 101] …, [Errno 113] Connect call failed"),
            "No route",
        ),
        (ConnectionResetError(), "the connection was closed"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version"), "TLS failed"),
    ],
)
def test_an_error_says_what_to_do(error, words):
    assert words in said(error)


@pytest.fixture
def plain(tmp_path) -> Iterator[str]:
    """Run a server as it comes, without JetStream."""
    with nats_server(tmp_path, "--addr=127.0.0.1", "--port=-1") as port:
        yield f"nats://127.0.0.1:{port}"


@pytest.mark.parametrize("command", [["provision"], ["purge", call_sid(1)]])
def test_a_server_without_jetstream_is_said_with_how_to_enable_it(plain, command):
    ended = partyline(*command, NATS_URL=plain)
    assert ended.returncode == 1
    assert NO_JETSTREAM in ended.stderr
    assert "None" not in ended.stderr


async def test_a_service_says_that_its_server_has_no_jetstream(plain):
    async with Broker(BrokerSettings(servers=(plain,), instance="i1")) as broker:
        await until(lambda: broker.problem is not None)
        assert NO_JETSTREAM in str(broker.problem)
        assert not broker.ready


def test_a_certificate_that_is_not_trusted_is_said_by_its_reason(tmp_path):
    _certificate(tmp_path)
    (tmp_path / "conf").write_text(
        f'listen: "127.0.0.1:-1"\ntls {{ cert_file: "{tmp_path}/crt", key_file: "{tmp_path}/key" }}'
    )
    with nats_server(tmp_path, f"--config={tmp_path}/conf") as port:
        url = f"tls://u:secret@127.0.0.1:{port}"
        ended = partyline("provision", NATS_URL=url)
        known = partyline("provision", NATS_URL=url, NATS_CA=(tmp_path / "crt").read_text())
        unread = partyline("provision", NATS_URL=url, NATS_CA=CERTIFICATE)
    assert ended.returncode == 1
    assert f"cannot reach NATS at tls://127.0.0.1:{port}: its certificate" in ended.stderr
    assert "secret" not in ended.stderr
    assert known.returncode == 1
    assert "JetStream" in known.stderr  # it is trusted: that it lacks this is the next thing
    assert unread.returncode == 1
    assert "cannot reach NATS" in unread.stderr


def _certificate(directory: Path) -> None:
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-subj", "/CN=somebody", "-days", "2"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", directory / "key", "-out", directory / "crt"),
        ],
        check=True,
        capture_output=True,
    )
