"""The demo's hold on its programs."""

import asyncio

import pytest

from rehearsal import demo
from rehearsal.errors import DemoFailed
from rehearsal.programs import Programs, found


@pytest.fixture
def programs(tmp_path) -> Programs:
    return Programs(tmp_path, {})


async def test_a_program_that_does_not_start_is_explained_with_its_last_words(programs):
    part = await programs.start("service", "dance")
    with pytest.raises(DemoFailed) as caught:
        await found(part, demo._ready)
    assert str(caught.value).startswith("service did not start:\n")
    assert "there is no command 'dance'" in str(caught.value)
    await programs.stop()


async def test_a_program_that_ends_unasked_ends_the_demo(programs):
    part = await programs.start("recogniser", "rehearse", "deepgram", "--script", "/nowhere")
    with pytest.raises(DemoFailed, match=r"(?s)^recogniser ended unexpectedly.*1:.*/nowhere"):
        await programs.watch()
    assert part.process.returncode == 1
    await programs.stop()


async def test_programs_end_when_their_input_does(programs):
    part = await programs.start(
        "recogniser", "rehearse", "deepgram", "--recogniser", "scripted", "--stop-at-eof"
    )
    url = await found(part, demo._deepgram_url)
    assert url.startswith("ws://127.0.0.1:")
    await programs.stop()
    assert part.process.returncode == 0


async def test_work_is_given_up_when_a_program_ends(programs):
    await programs.start("service", "dance")
    async with programs.watched() as unless_a_part_fails:
        with pytest.raises(DemoFailed, match="service ended unexpectedly"):
            await unless_a_part_fails(asyncio.Event().wait())
    await programs.stop()
