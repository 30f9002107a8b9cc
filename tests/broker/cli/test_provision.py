"""broker/cli/provision.py: what is asked for is changed, what is not stays."""

import asyncio
import subprocess
from collections.abc import Awaitable, Callable

import nats
import pytest
from nats.js.api import StreamConfig
from support.processes import partyline

Provision = Callable[..., Awaitable[subprocess.CompletedProcess[str]]]


@pytest.fixture
def provision(server) -> Provision:
    async def run(*flags: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(
            partyline, "provision", *flags, NATS_URL=server.url, **environ
        )

    return run


async def config(url: str) -> StreamConfig:
    client = await nats.connect(url)
    try:
        return (await client.jetstream().stream_info("TRANSCRIPTS")).config
    finally:
        await client.close()


async def test_what_is_not_given_stays_as_it_is(server, provision):
    done = await provision("--retention", "7")
    assert done.stdout == (
        "stream TRANSCRIPTS and bucket TRANSCRIPTS_CALLS: 1 replica(s), 7 days, 4096 MB\n"
    )
    done = await provision("--megabytes", "512")
    assert done.stdout.endswith(": 1 replica(s), 7 days, 512 MB\n")
    done = await provision("--retention", "36h")
    assert done.stdout.endswith(": 1 replica(s), 36 hours, 512 MB\n")
    found = await config(server.url)
    assert (found.max_age, found.max_bytes) == (36 * 3600, 512 << 20)


async def test_a_stream_without_limits_keeps_having_none(server, provision):
    client = await nats.connect(server.url)
    await client.jetstream().add_stream(name="TRANSCRIPTS", subjects=["ingest.transcripts.>"])
    await client.close()
    done = await provision()
    assert (done.returncode, done.stderr) == (0, "")
    assert "changed: stream TRANSCRIPTS: republish is not set, must be" in done.stdout
    assert done.stdout.endswith(": 1 replica(s), unlimited, unlimited\n")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--retention", "1"], "retention is 3 days, to be 1 day: records that are older are"),
        (["--megabytes", "16"], "it may hold 4096 MB, to be 16 MB: of the 0.0 MB that are stored"),
    ],
)
async def test_what_would_keep_less_is_changed_only_when_that_is_said(
    server, provision, flags, words
):
    await provision()
    before = await config(server.url)
    client = await nats.connect(server.url)
    await client.jetstream().publish("ingest.transcripts.a", b"a record")
    await client.close()
    refused = await provision(*flags)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith(f"partyline provision: TRANSCRIPTS: {words}")
    assert refused.stderr.endswith("Nothing was changed: if that is what you want, say --shorten\n")
    assert await config(server.url) == before
    done = await provision(*flags, "--shorten")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"shortened: TRANSCRIPTS: {words}")
    assert await config(server.url) != before


async def test_what_the_service_reads_from_the_environment_counts_here_too(provision):
    done = await provision(RETENTION="12h", MAX_MEGABYTES="64")
    assert done.stdout.endswith(": 1 replica(s), 12 hours, 64 MB\n")


async def test_copies_on_a_single_server_are_refused_with_the_reason(provision):
    for expected in ("is missing and could not be created", "could not be brought up to date"):
        done = await provision("--replicas", "3")
        assert done.returncode == 1
        assert f"stream TRANSCRIPTS {expected}: copies need a cluster" in done.stderr
        await provision()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--retention", "soon"], "'soon' is not a time such as"),
        (["--retention", "400"], "'400d' is not between 1 minute and 366 days"),
        (["--retention", "3s"], "'3s' is not between 1 minute and 366 days"),
        (["--megabytes", "x"], "'x' is not a whole number of megabytes, 16 or more"),
        (["--megabytes", "15"], "'15' is not a whole number of megabytes, 16 or more"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name_and_in_words(flags, words):
    done = partyline("provision", *flags, NATS_URL="nats://127.0.0.1:1")
    assert done.returncode == 2
    assert f"argument {flags[0]}: {words}" in done.stderr
