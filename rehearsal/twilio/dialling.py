"""
A ``<Dial>``: others ring, and the first who answers joins the call.

Source: https://www.twilio.com/docs/voice/twiml/dial
"""

import asyncio
from contextlib import suppress

from rehearsal.twilio import twiml
from rehearsal.twilio.behaviour import Behaviour, Callee
from rehearsal.twilio.legs import Status
from rehearsal.twilio.running_call import RunningCall


class Dialling:
    """
    Runs one.

    Args:
        call: Who dials.
        children: The legs that ring, one for each party.
        behaviour: Who answers, and when.
    """

    def __init__(
        self, call: RunningCall, children: list[RunningCall], behaviour: Behaviour
    ) -> None:
        self._call = call
        self._children = children
        self._behaviour = behaviour

    async def run(self, dial: twiml.Dial) -> RunningCall | None:
        """Ring, put the first who answers through, wait for the end of that; returns that leg."""
        try:
            through = await self._ring(dial.ring_seconds)
            if through is not None:
                await self._talk(through, dial.most_seconds)
        finally:
            for child in self._children:
                await self._hang_up(child)
        return through or next(iter(self._children), None)

    async def _ring(self, ring_seconds: float) -> RunningCall | None:
        """Ring; returns the leg that was answered first, if one was."""
        clock = self._call.answer()
        begun = clock.now()
        for child in self._children:
            child.move(Status.INITIATED)
            child.move(Status.RINGING)
        for at, outcome, child in self._outcomes(ring_seconds):
            await clock.until(begun + at)
            if child.hung_up is not None:
                continue
            if outcome is not Status.IN_PROGRESS:
                await child.end(outcome)
                continue
            child.answer()
            child.converse()
            self._call.converse()
            for other in self._children:
                if other is not child:
                    await other.end(Status.CANCELED)
            return child
        return None

    def _outcomes(self, ring_seconds: float) -> list[tuple[float, Status, RunningCall]]:
        """Return what becomes of each leg, and when, in that order."""
        found = []
        for child in self._children:
            callee = self._callee(child)
            if callee.ring_seconds > ring_seconds or callee.outcome is Status.NO_ANSWER:
                found.append((ring_seconds, Status.NO_ANSWER, child))
            else:
                found.append((callee.ring_seconds, callee.outcome, child))
        return sorted(found, key=lambda outcome: outcome[0])

    def _callee(self, child: RunningCall) -> Callee:
        return self._behaviour.callee(child.leg.to)

    async def _talk(self, child: RunningCall, most_seconds: float | None) -> None:
        """Wait until the other leg is hung up."""
        clock = self._call.answer()
        limits = [most_seconds, self._callee(child).talk_seconds]
        seconds = min((limit for limit in limits if limit is not None), default=None)
        with suppress(TimeoutError):
            async with asyncio.timeout(None if seconds is None else seconds / clock.speed):
                await child.interrupted.wait()

    @staticmethod
    async def _hang_up(child: RunningCall) -> None:
        answered = child.leg.answered_at is not None
        await child.end(child.hung_up or (Status.COMPLETED if answered else Status.CANCELED))
