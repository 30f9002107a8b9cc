"""Status callbacks on their way: told in order, unless they are to come late, twice or never."""

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from contextlib import nullcontext

from rehearsal.errors import WebhookFailed
from rehearsal.twilio.delivery import Delivery
from rehearsal.twilio.legs import Callback
from rehearsal.twilio.webhooks import Webhooks

Spawn = Callable[[Coroutine[object, object, None], str], asyncio.Task[None]]


class Callbacks:
    """
    Sends the callbacks of one call.

    Args:
        webhooks: How.
        auth_token: With which they are signed.
        delivery: What becomes of them.
        spawn: Starts a task that somebody else waits for.
        alert: Called with code and words where nobody takes one.
    """

    def __init__(
        self,
        webhooks: Webhooks,
        auth_token: str,
        delivery: Delivery,
        spawn: Spawn,
        alert: Callable[[int, str], None],
    ) -> None:
        self._webhooks = webhooks
        self._auth_token = auth_token
        self._delivery = delivery
        self._spawn = spawn
        self._alert = alert
        self._numbers = itertools.count()
        self._turn = asyncio.Lock()  # is fair: first come, first served

    def send(self, callback: Callback | None) -> None:
        """Have a callback sent; where there is nobody to tell, nothing is."""
        if callback is None or not callback.url:
            return
        number = next(self._numbers)
        for after in self._delivery.times(number):
            self._spawn(self._deliver(callback, after), f"callback {number}")

    async def _deliver(self, callback: Callback, after: float) -> None:
        await asyncio.sleep(after)
        async with self._turn if self._delivery.in_order else nullcontext():
            try:
                await self._webhooks.ask(
                    callback.url, callback.method, callback.form, self._auth_token
                )
            except WebhookFailed as exc:
                self._alert(exc.code, str(exc))
