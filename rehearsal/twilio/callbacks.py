"""Status callbacks on their way: told in order, unless they are to come late, twice or never."""

import asyncio
import itertools
from contextlib import nullcontext

from rehearsal.errors import WebhookFailed
from rehearsal.twilio.legs import Callback
from rehearsal.twilio.line import Line
from rehearsal.twilio.webhooks import Webhooks


class Callbacks:
    """Sends the callbacks of one leg, as the behaviour of its account says."""

    def __init__(self, webhooks: Webhooks, line: Line) -> None:
        self._webhooks = webhooks
        self._line = line
        self._numbers = itertools.count()
        self._turn = asyncio.Lock()  # is fair: first come, first served

    def send(self, callback: Callback | None) -> None:
        """Have a callback sent; where there is nobody to tell, nothing is."""
        if callback is None or not callback.url:
            return
        number = next(self._numbers)
        for after in self._line.behaviour.delivery.times(number):
            self._line.spawn(self._deliver(callback, after), f"callback {number}")

    async def _deliver(self, callback: Callback, after: float) -> None:
        await asyncio.sleep(after)
        async with self._turn if self._line.behaviour.delivery.in_order else nullcontext():
            try:
                await self._webhooks.ask(
                    callback.url, callback.method, callback.form, self._line.auth_token
                )
            except WebhookFailed as exc:
                self._line.alert(exc.code, str(exc))
