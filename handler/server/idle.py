"""When a process that holds nothing may leave."""

import asyncio
from collections.abc import Callable

from handler.server.lasting import Lasting

# How often it is looked, and in how many steps of a short time.
LOOK_SECONDS, STEPS = 1.0, 10
# How long it then waits for a moment at which nobody is connected: longer than any request has
# (``http_protocol.REQUEST_SECONDS``), and not for ever, as a load balancer may keep its connection.
QUIET_SECONDS = 15.0


async def wait_idle(
    seconds: float,
    held: Callable[[], object],
    quiet: Callable[[], bool],
    *,
    longest_quiet: float = QUIET_SECONDS,
) -> None:
    """
    Return once nothing was held for so long, at a moment when nobody asks for anything.

    What the caller does at once, without waiting, nobody gets in before.

    Args:
        seconds: How long nothing must have been held. While the process is suspended none pass.
        held: Says whether anything is; empty, or 0, if not.
        quiet: Whether nobody is connected, or about to be, who holds nothing yet.
        longest_quiet: Seconds to wait for that.
    """
    look = min(LOOK_SECONDS, seconds / STEPS)
    idle = Lasting(2 * look)
    loop = asyncio.get_running_loop()
    while True:
        lasted = idle.look(loop.time(), lasts=not held())
        if lasted >= seconds and (quiet() or lasted >= seconds + longest_quiet):
            return
        await asyncio.sleep(look)
