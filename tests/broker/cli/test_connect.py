"""broker/cli: whatever command reaches NATS, its settings are read as the service reads them."""

import asyncio

import pytest
from support.credentials import NEEDED
from support.processes import partyline
from support.sids import call_sid

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
    assert "'nats://h:42x2' is no address" in ended.stderr
    assert "secret" not in ended.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_credentials_of_the_environment_count_for_every_command(command):
    ended = partyline(*COMMANDS[command], **NEEDED, NATS_CREDS="/etc/nats.creds")
    assert ended.returncode in (1, 2)
    assert "NATS_CREDS: is not the text of a .creds file" in ended.stderr


async def test_several_servers_may_be_separated_by_commas_and_blanks(server: EmbeddedServer):
    servers = f"{server.url}, {server.url}"
    done = await asyncio.to_thread(partyline, "provision", NATS_URL=servers)
    assert (done.returncode, done.stderr) == (0, "")


async def test_copies_that_no_cluster_has_are_refused(server: EmbeddedServer):
    ended = await asyncio.to_thread(partyline, "provision", NATS_URL=server.url, NATS_REPLICAS="9")
    assert ended.returncode == 2
    assert "the copies in a cluster are 1 to 5" in ended.stderr


def test_a_server_that_is_away_is_named_without_its_password():
    for command in ("tap", "provision", "purge"):
        ended = partyline(*COMMANDS[command], NATS_URL="nats://u:secret@127.0.0.1:1")
        assert ended.returncode == 1
        assert "cannot reach NATS at nats://127.0.0.1:1" in ended.stderr
        assert "secret" not in ended.stderr
