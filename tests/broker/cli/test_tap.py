"""broker/cli/tap.py: what is published, printed."""

import asyncio
import contextlib
import os
import sys

import nats
import pytest
from support.processes import ENVIRON, partyline, running
from support.servers import nats_server
from support.sids import account_sid, call_sid
from support.timing import patience

from broker.cli.tap import main

SUBJECTS = [f"calls.{account_sid(0)}.{call_sid(number)}.final.inbound" for number in (1, 2)]


async def publish(url: str) -> None:
    client = await nats.connect(url)
    for number, subject in enumerate(SUBJECTS):
        await client.publish(subject, f"payload {number}".encode())
    await client.flush()
    await client.close()


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["--count", "2"], [f"[{SUBJECTS[0]}] payload 0", f"[{SUBJECTS[1]}] payload 1"]),
        (["--count", "1", "--raw"], ["payload 0"]),
        (["--count", "1", "--call", call_sid(2)], [f"[{SUBJECTS[1]}] payload 1"]),
        (["--count", "1", SUBJECTS[1]], [f"[{SUBJECTS[1]}] payload 1"]),
    ],
)
async def test_it_prints_what_it_is_asked_for_under_the_prefix_that_counts(
    server, arguments, printed
):
    flags = ["--url", server.url, "--prefix", "calls", *arguments]
    with running("handler.cli", "tap", *flags) as tap:
        async with patience():
            listening = await asyncio.to_thread(tap.stderr.readline)
            assert listening.startswith("listening on calls.")
            await publish(server.url)
            output, errors = await asyncio.to_thread(tap.communicate)
    assert (output.splitlines(), errors, tap.returncode) == (printed, "", 0)


async def test_it_ends_in_silence_when_nobody_reads_what_it_prints(server):
    reading, writing = os.pipe()
    os.close(reading)
    tap = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "handler.cli", "tap", "--url", server.url, "--prefix", "calls"),
        env=ENVIRON,
        stdout=writing,
        stderr=asyncio.subprocess.PIPE,
    )
    os.close(writing)
    assert tap.stderr is not None
    try:
        async with patience():
            assert await tap.stderr.readline() == b"listening on calls.>\n"
            await publish(server.url)
            assert (await tap.stderr.read(), await tap.wait()) == (b"", 0)
    finally:
        if tap.returncode is None:
            tap.kill()
            await tap.wait()


@pytest.mark.parametrize(
    ("flags", "printed"),
    [
        ([], 'evil.\\u001b] {"said":"\\u001b[2J\\u202e"}\\u000a\n'),
        (["--raw"], '{"said":"\\u001b[2J\\u202e"}\n\n'),
    ],
)
async def test_what_is_published_moves_no_cursor(server, flags, printed):
    arguments = ["--url", server.url, "--count", "1", "evil.*", *flags]
    with running("handler.cli", "tap", *arguments) as tap:
        async with patience():
            await asyncio.to_thread(tap.stderr.readline)
            client = await nats.connect(server.url)
            await client.publish("evil.\x1b", '{"said":"\x1b[2J\u202e"}\n'.encode())
            await client.close()
            output, _ = await asyncio.to_thread(tap.communicate)
    assert output.removeprefix("[") == printed


async def test_it_says_that_nats_went_away_and_is_back(tmp_path):
    with nats_server(tmp_path, "--addr=127.0.0.1", "--port=-1") as port:
        pass
    flags = ["--url", f"nats://127.0.0.1:{port}", "--prefix", "calls", "--count", "2"]
    with contextlib.ExitStack() as stack:
        first = contextlib.ExitStack()
        first.enter_context(nats_server(tmp_path, "--addr=127.0.0.1", f"--port={port}"))
        tap = stack.enter_context(running("handler.cli", "tap", *flags))
        async with patience():
            assert await asyncio.to_thread(tap.stderr.readline) == "listening on calls.>\n"
            await asyncio.to_thread(first.close)
            lost = await asyncio.to_thread(tap.stderr.readline)
            stack.enter_context(nats_server(tmp_path, "--addr=127.0.0.1", f"--port={port}"))
            back = await asyncio.to_thread(tap.stderr.readline)
            await publish(f"nats://127.0.0.1:{port}")
            output, errors = await asyncio.to_thread(tap.communicate)
    assert lost == "partyline tap: NATS went away; what is published meanwhile is missed\n"
    assert back == "partyline tap: NATS is back\n"
    assert (len(output.splitlines()), errors, tap.returncode) == (2, "", 0)


async def test_it_ends_with_the_reason_when_nats_puts_it_out():
    async def put_out(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"version":"2.12.0"}\r\n')
        for _ in range(2):  # behind its own word, and behind its subscription
            await reader.readuntil(b"PING\r\n")
            writer.write(b"PONG\r\n")
        writer.write(b"-ERR 'User Authentication Expired'\r\n")
        writer.close()

    async with await asyncio.start_server(put_out, "127.0.0.1", 0) as server, patience():
        url = "nats://127.0.0.1:{1}".format(*server.sockets[0].getsockname())
        ended = await asyncio.to_thread(partyline, "tap", "--url", url)
    assert ended.returncode == 1
    words = "NATS has put us out: the credentials are no longer good: get others"
    assert f"partyline tap: {words}" in ended.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["nats://user:s3cret@host"],
        ["user:s3cret@host"],
        ["--url", "http://user:s3cret@host"],
        ["--url", "user:s3cret@host"],
        ["--server", "nats://user:s3cret@host"],
        ["transcripts.>", "http://user:s3cret@host"],
        ["--server=http://user:s3cret@host", "a"],
    ],
)
def test_a_password_is_not_repeated_wherever_an_address_stands(arguments, capsys):
    with pytest.raises(SystemExit):
        main(arguments)
    output, errors = capsys.readouterr()
    assert "s3cret" not in output + errors
    assert errors.startswith("partyline tap: ")


@pytest.mark.parametrize("subject", ["", "a b", "a..b", ".a", "a\x1b", "a.>>", ">.a", "a.b*"])
def test_what_is_no_subject_is_refused_in_words(subject, capsys):
    with pytest.raises(SystemExit):
        main([subject])
    assert f"{subject!r} is no subject, such as 'transcripts.>'" in capsys.readouterr().err


@pytest.mark.parametrize("count", ["0", "-1", "two"])
def test_a_count_that_would_never_be_reached_is_refused(count, capsys):
    with pytest.raises(SystemExit):
        main(["--url", "nats://127.0.0.1:1", f"--count={count}"])
    assert "--count" in capsys.readouterr().err
