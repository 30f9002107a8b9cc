"""broker/supervise.py: no task ends in silence, and pauses grow to a limit."""

import asyncio

import structlog
from support.timing import patience

from broker import supervise


async def test_what_ends_by_a_defect_is_logged_and_begins_anew():
    begun = asyncio.Queue[int]()

    async def work() -> None:
        begun.put_nowait(1)
        if begun.qsize() == 1:
            raise ValueError("a defect")

    with structlog.testing.capture_logs() as logs:
        task = supervise.keep(work, "the work")
        async with patience():
            await task
    assert begun.qsize() == 2
    # What ends late of an earlier test may say something meanwhile.
    assert [line["log_level"] for line in logs if line.get("task") == "the work"] == ["error"]


async def test_a_task_that_is_ended_is_no_defect():
    with structlog.testing.capture_logs() as logs:
        task = supervise.keep(asyncio.Event().wait, "waiting")  # type: ignore[arg-type]
        await asyncio.sleep(0)
        await supervise.end(task)
    assert task.cancelled()
    assert logs == []


def test_pauses_double_to_the_longest_until_an_attempt_succeeds():
    backoff = supervise.Backoff(0.5, 3.0)
    assert [backoff.next() for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]
    backoff.reset()
    assert backoff.next() == 0.5


async def test_a_cancellation_that_a_library_forgot_is_heeded():
    """Whether it returns then, or fails; and who waits because of one is left to do so."""
    ended = []

    async def forget(fails):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:  # as asyncio.wait_for on Python 3.11, if the answer comes
            if fails:
                raise OSError from None

    async def work(fails):
        try:
            with supervise.heeding_cancellation():
                await forget(fails)
        finally:
            with supervise.heeding_cancellation():
                await asyncio.sleep(0)
            ended.append(fails)

    for fails in (False, True):
        task = asyncio.create_task(work(fails))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
    assert ended == [False, True]
