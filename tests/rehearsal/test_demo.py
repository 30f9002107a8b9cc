"""The demo's hold on its programs; what it shows as a whole is tested with the system."""

import asyncio

import pytest
from support.credentials import TOKEN_SECRET

from rehearsal import demo
from rehearsal.demo import Demo
from rehearsal.errors import DemoFailed


@pytest.fixture
def programs(tmp_path) -> Demo:
    return Demo(tmp_path, {"TOKEN_SECRET": TOKEN_SECRET})


async def test_a_program_that_does_not_start_is_explained_with_its_last_words(programs):
    part = await programs._start_part("service", "dance")
    with pytest.raises(DemoFailed) as caught:
        await demo._found(part, demo._ready)
    assert str(caught.value).startswith("service did not start:\nusage: partyline COMMAND")
    await programs.stop()


async def test_a_program_that_ends_unasked_ends_the_demo(programs):
    part = await programs._start_part("recogniser", "rehearse", "deepgram", "--script", "/nowhere")
    with pytest.raises(DemoFailed, match=r"(?s)^recogniser ended unexpectedly.*1:.*/nowhere"):
        await programs.watch()
    assert part.process.returncode == 1
    await programs.stop()


async def test_programs_end_when_their_input_does(programs):
    part = await programs._start_part(
        "recogniser", "rehearse", "deepgram", "--recogniser", "scripted", "--stop-at-eof"
    )
    url = await demo._found(part, demo._deepgram_url)
    assert url.startswith("ws://127.0.0.1:")
    await programs.stop()
    assert part.process.returncode == 0


async def test_settings_of_another_service_do_not_leak_in(programs, monkeypatch):
    monkeypatch.setenv("TOKEN_SECRET", "too short")
    monkeypatch.setenv("NATS_URL", "nats://elsewhere.example.com")
    assert (await programs._mint()).count(".") == 2
    del programs.environ["TOKEN_SECRET"]
    with pytest.raises(DemoFailed, match="no token could be made"):
        await programs._mint()


def test_the_line_that_says_ready_is_found_among_others():
    assert demo._ready('{"event": "ready", "url": "http://x"}') == {
        "event": "ready",
        "url": "http://x",
    }
    for other in ("", "[]", '"ready"', "ready", '{"event": "not ready"}'):
        assert demo._ready(other) is None


async def test_work_is_given_up_when_a_program_ends(programs):
    await programs._start_part("service", "dance")
    async with demo._watching(programs) as unless_a_part_fails:
        with pytest.raises(DemoFailed, match="service ended unexpectedly"):
            await unless_a_part_fails(asyncio.Event().wait())
    await programs.stop()
