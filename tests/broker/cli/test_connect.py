"""broker/cli: whatever command reaches NATS, its settings are read as the service reads them."""

import argparse
import asyncio

import pytest
from support.credentials import CERTIFICATE, NATS_CREDS, NEEDED
from support.processes import partyline
from support.sids import call_sid
from support.timing import patience

from broker.cli.connect import add_options, parse
from broker.server.embedded import EmbeddedServer

COMMANDS = {
    "serve": ["serve"],
    "tap": ["tap"],
    "provision": ["provision"],
    "purge": ["purge", call_sid(1)],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_setting_that_is_malformed_is_refused_alike_by_every_command(command):
    url = "nats://u:secret@h:42x2"
    ended = partyline(*COMMANDS[command], **NEEDED, NATS_URL=url)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"partyline {command}: NATS_URL: has a port that is no number")
    assert "secret" not in ended.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_credentials_of_the_environment_count_for_every_command(command):
    ended = partyline(*COMMANDS[command], **NEEDED, NATS_CREDS="/etc/nats.creds")
    assert ended.returncode == 2
    assert "NATS_CREDS: is not the text of a .creds file" in ended.stderr


async def test_several_servers_may_be_separated_by_commas_and_blanks(server: EmbeddedServer):
    servers = f"{server.url}, {server.url}"
    done = await asyncio.to_thread(partyline, "provision", NATS_URL=servers)
    assert (done.returncode, done.stderr) == (0, "")


async def test_copies_that_no_cluster_has_are_refused(server: EmbeddedServer):
    ended = await asyncio.to_thread(partyline, "provision", NATS_URL=server.url, NATS_REPLICAS="9")
    assert ended.returncode == 2
    assert "provision: NATS_REPLICAS: '9': the copies in a cluster are 1 to 5" in ended.stderr


def test_a_server_that_is_away_is_named_without_its_password():
    for command in ("tap", "provision", "purge"):
        ended = partyline(*COMMANDS[command], NATS_URL="nats://u:secret@127.0.0.1:1")
        assert ended.returncode == 1
        assert "cannot reach NATS at nats://127.0.0.1:1" in ended.stderr
        assert "set NATS_URL to the `nats_url` of the line `ready`" in ended.stderr
        assert "secret" not in ended.stderr


@pytest.mark.parametrize("command", ["tap", "provision", "purge"])
@pytest.mark.parametrize("servers", [1, 2])
async def test_a_server_that_lets_nobody_in_is_asked_once(command, servers):
    """Asked again it would answer the same, and whoever waits would not know why."""
    asked = 0

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        writer.write(b'INFO {"version":"2.12.0","auth_required":true}\r\n')
        await reader.readuntil(b"PING\r\n")
        writer.write(b"-ERR 'Authorization Violation'\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server, patience():
        url = "nats://u:secret@127.0.0.1:{1}".format(*server.sockets[0].getsockname())
        urls = ",".join([url] * servers)
        ended = await asyncio.to_thread(partyline, *COMMANDS[command], NATS_URL=urls)
    assert ended.returncode == 1
    assert "takes no such user, password or token: check NATS_URL" in ended.stderr
    assert "secret" not in ended.stderr
    assert asked == servers


def test_an_argument_wins_over_its_variable_which_is_not_even_read(tmp_path, monkeypatch):
    file = tmp_path / "a.creds"
    file.write_text(NATS_CREDS)
    for name in ("NATS_URL", "NATS_CREDS", "NATS_CA", "SUBJECT_PREFIX"):
        monkeypatch.setenv(name, "malformed.>")
    parser = argparse.ArgumentParser()
    add_options(parser)
    authorities = tmp_path / "ca.pem"
    authorities.write_text(CERTIFICATE)
    given = ["--url", "nats://a,nats://b", "--creds", str(file), "--ca", str(authorities)]
    arguments = parse(parser, [*given, "--prefix", "p"])
    assert vars(arguments) == {
        "servers": ("nats://a", "nats://b"),
        "credentials": NATS_CREDS,
        "authorities": CERTIFICATE,
        "prefix": "p",
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--url", "nats://user:secret@h:42x2"], "argument --url: has a port that is no number"),
        (["--url", "http://secret@h"], "argument --url: must begin with nats:// or tls://"),
        (["--creds", "/nowhere"], "argument --creds: cannot read /nowhere"),
        (["--creds", "/dev/null"], "argument --creds: /dev/null is not the text of a .creds file"),
        (["--ca", "/dev/null"], "argument --ca: /dev/null is not the text of a certificate"),
        (["--prefix", "a.b"], "argument --prefix: 'a.b' is not one token"),
    ],
)
def test_a_malformed_argument_is_refused_by_its_name(arguments, words, capsys):
    parser = argparse.ArgumentParser()
    add_options(parser)
    with pytest.raises(SystemExit) as caught:
        parse(parser, arguments)
    assert caught.value.code == 2
    errors = capsys.readouterr().err
    assert words in errors
    assert "secret" not in errors
