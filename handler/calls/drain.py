"""How a process leaves its calls: they go elsewhere, end, or are left to others in time."""

import asyncio

import structlog

from broker import supervise
from handler.calls.call import Call
from handler.calls.live_calls import LiveCalls
from handler.calls.relocator import Relocator

# Twilio is told within so long of the streams that nobody listens to any more.
STOP_SECONDS = 2.0
# How often it is looked which calls have stayed after all.
LOOK_SECONDS = 0.1
# Share of the time for when a move has to be over. Of the eight seconds on Cloud Run, those that
# wait for no long pause any more have 2.5 s to be cut, recognised and stored, which takes 1 to 2 s;
# 1.5 s are left to flush what does not move.
MOVES = 13 / 16

_log = structlog.get_logger()


async def drain(calls: LiveCalls, relocator: Relocator, seconds: float) -> None:
    """
    Take no more calls; let live ones go elsewhere, or on for half the time, then flush them.

    A call that is on its way then goes on with that, and waits for no long pause any more. Whatever
    becomes of Twilio's API, of NATS or of the recogniser, all of it is over in time.
    """
    calls.draining = True
    carried = calls.carried
    if not carried:
        return
    _log.info("draining", calls=len(carried), seconds=seconds)
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    moving = supervise.start(relocator.move_all(), "moves")
    try:
        await calls.wait_over(seconds / 2)
        for call in calls.carried:
            call.hurry()
        await _flush_what_stays(calls, seconds * (MOVES - 1 / 2))
        for call in calls.carried:
            call.leave()
        await calls.wait_over(end - loop.time())
    finally:
        await supervise.end(moving)
    await relocator.settle(min(STOP_SECONDS, end - loop.time()))
    if left := calls.carried:
        _log.error("drain deadline passed", calls=[call.call_sid for call in left])


async def _flush_what_stays(calls: LiveCalls, seconds: float) -> None:
    """Let go on those alone that are on their way, so long at the most; the others are flushed."""
    loop = asyncio.get_running_loop()
    end, flushed = loop.time() + seconds, set[Call]()
    while any(call.moving for call in calls.carried) and (left := end - loop.time()) > 0:
        for call in calls.carried:
            if not call.moving and call not in flushed:
                flushed.add(call)
                call.leave()
        await calls.wait_over(min(LOOK_SECONDS, left))
