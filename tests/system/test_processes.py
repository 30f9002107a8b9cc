"""Processes: how they refuse to start, and what they leave behind when they are killed."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support import webhooks
from support.credentials import AUTH_TOKEN, NEEDED, TOKEN_SECRET
from support.processes import command_line, descendants, partyline, running, wait_gone
from support.servers import nats_server
from support.sids import account_sid, call_sid
from support.streams import media_stream
from support.timing import PATIENCE, until

from handler.probe import twiml
from rehearsal.twilio import Options

LINUX = sys.platform.startswith("linux")


@pytest.mark.parametrize(
    "missing", ["TWILIO_AUTH_TOKEN", "TOKEN_SECRET", "DEEPGRAM_API_KEY", "PUBLIC_URL"]
)
def test_without_a_needed_setting_the_service_does_not_start_and_says_what_to_set(missing):
    needed = {name: value for name, value in NEEDED.items() if name != missing}
    ended = partyline("serve", "--embedded-nats", **needed)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"partyline serve: {missing}: missing: set ")
    assert ended.stdout == ""


def test_with_a_file_of_accounts_that_cannot_be_read_the_service_does_not_start(tmp_path):
    accounts = tmp_path / "accounts.json"
    accounts.write_text("{")
    ended = partyline("serve", **{**NEEDED, "PORT": "0", "TWILIO_ACCOUNTS": str(accounts)})
    assert ended.returncode == 2
    assert ended.stderr.startswith("partyline serve: TWILIO_ACCOUNTS: is no JSON like ")


@pytest.mark.parametrize(
    "command", ["serve", "setup", "demo", "token", "watch", "tap", "rehearse", "rehearse call"]
)
def test_every_command_has_help(command):
    ended = partyline(*command.split(), "--help")
    assert ended.returncode == 0
    assert ended.stdout.startswith("usage: partyline " + command.split()[0])


def test_the_token_command_mints_what_it_is_told():
    ended = partyline("token", "--call", call_sid(1), "--ttl", "5m", TOKEN_SECRET=TOKEN_SECRET)
    assert ended.returncode == 0
    assert ended.stdout.count(".") == 2
    refused = partyline("token", "--call", "CA*", TOKEN_SECRET=TOKEN_SECRET)
    assert refused.returncode == 2
    without = partyline("token")
    assert (without.returncode, without.stdout) == (2, "")
    assert "TOKEN_SECRET: missing" in without.stderr


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("watch --url nothere CA11111111111111111111111111111111", "is not like https://"),
        ("watch CA123", "neither a callSid"),
        ("tap --url http://127.0.0.1", "must begin with nats://"),
        ("tap --creds /nowhere", "cannot read /nowhere"),
        ("tap --call CA*", "--call"),
        ("rehearse recognise /nowhere.wav", "/nowhere.wav"),
        ("rehearse call http://127.0.0.1", "ws://"),
    ],
)
def test_a_wrong_argument_is_answered_in_words(command, words):
    ended = partyline(*command.split())
    assert ended.returncode in (1, 2)
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_version_is_told():
    assert partyline("--version").stdout.startswith("partyline 0.")


@pytest.mark.skipif(not LINUX, reason="reads /proc; the same is arranged on other systems")
@pytest.mark.parametrize("victim", ["handler.cli serve", "guard.py", "nats-server"])
def test_no_nats_server_is_left_when_the_service_or_its_guard_is_killed(serve, victim):
    service = serve(fresh=True)
    family = [service.popen.pid, *descendants(service.popen.pid)]
    assert len([pid for pid in family if "nats-server" in command_line(pid)]) == 2
    for pid in family:
        # The guard's command line names the server too: the last one is the server itself.
        if victim in command_line(pid) and (victim != "nats-server" or pid == family[-1]):
            os.kill(pid, signal.SIGKILL)
            break
    wait_gone(family[1:])


@contextmanager
def demonstrating() -> Iterator[subprocess.Popen[str]]:
    """Run the demo, and wait for its call."""
    with running("handler.cli", "demo", stderr=subprocess.STDOUT, own_session=True) as demo:
        assert any("call begins" in line for line in demo.stdout), "the demo ended"
        yield demo


VICTIMS = [
    "handler.cli demo",
    "handler.cli serve",
    "rehearse deepgram",
    "guard.py",
    "nats-server",
]


@pytest.mark.skipif(not LINUX, reason="reads /proc; the same is arranged on other systems")
@pytest.mark.proof
def test_whatever_process_of_the_demo_is_killed_nothing_is_left(rounds):
    for number in rounds(sample=2, full=len(VICTIMS)):
        victim = VICTIMS[number]
        with demonstrating() as demo:
            family = [demo.pid, *descendants(demo.pid)]
            chosen = [pid for pid in family if victim in command_line(pid)]
            os.kill(chosen[-1], signal.SIGKILL)
            demo.communicate(timeout=PATIENCE)
            assert demo.returncode != 0
            wait_gone(family)


@pytest.mark.skipif(not LINUX, reason="reads /proc; the same is arranged on other systems")
def test_ctrl_c_ends_the_demo_with_0_and_leaves_nothing():
    with demonstrating() as demo:
        family = [demo.pid, *descendants(demo.pid)]
        os.killpg(demo.pid, signal.SIGINT)
        output, _ = demo.communicate(timeout=PATIENCE)
        assert demo.returncode == 0, output
        wait_gone(family)


async def test_a_service_that_has_lost_nats_ends_as_well_as_any(serve, tmp_path):
    with nats_server(tmp_path, "--jetstream", f"--store_dir={tmp_path}") as port:
        service = await asyncio.to_thread(serve, NATS_URL=f"nats://127.0.0.1:{port}")
    await asyncio.to_thread(service.wait_for, "nats lost")
    assert await asyncio.to_thread(service.stop) == 0
    assert "stopped" in service.text
    assert "Traceback" not in service.text


async def test_a_service_whose_supervisor_is_gone_stops_as_on_sigterm(serve):
    service = serve("--stop-at-eof", fresh=True)
    service.popen.stdin.close()
    assert await asyncio.to_thread(service.ended_with) == 0
    assert "stopped" in service.text


async def test_a_service_whose_log_nobody_reads_any_more_answers_carries_its_calls_and_drains(
    serve, deepgram, read, token, sound
):
    service = await asyncio.to_thread(
        serve, reads_until="ready", DEEPGRAM_URL=deepgram.url, DRAIN_SECONDS="10"
    )
    await until(lambda: service.ended)
    options, audio = Options(auth_token=AUTH_TOKEN, account_sid=account_sid(1)), sound.bursts(1, 2)
    asked = {"CallSid": options.call_sid, "From": "+15550001111", "To": "+15550002222"}
    answer = await webhooks.post(service, "/twilio/voice", CallStatus="ringing", **asked)
    assert answer.status_code == 200
    async with media_stream(service, options) as stream:
        await stream.start(customParameters=twiml.read(answer.text).parameters)
        reading = asyncio.create_task(read(service, options.call_sid, token=token))
        await stream.say("inbound", audio)
        await stream.say("outbound", b"\xff" * len(audio))
        await until(lambda: deepgram.heard)
        code = await asyncio.to_thread(service.stop)
    assert (await reading).words("inbound") == sound.words_of(audio)
    assert deepgram.heard[0].closed_cleanly
    assert code == 0


def test_a_service_that_cannot_start_says_so_by_its_code_though_nobody_reads_why():
    reads, writes = os.pipe()
    os.close(reads)
    with running("handler.cli", "serve", stderr=writes) as service:
        os.close(writes)
        assert service.wait(PATIENCE) == 2
