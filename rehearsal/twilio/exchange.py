"""
Places calls: those that come in at a number of an account, those that its API makes, and the legs
that a ``<Dial>`` adds.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from functools import partial

from rehearsal.errors import RestError
from rehearsal.twilio import twiml
from rehearsal.twilio.account import Account, new_sid
from rehearsal.twilio.call_audio import CallAudio
from rehearsal.twilio.callbacks import Callbacks
from rehearsal.twilio.forks import Forks
from rehearsal.twilio.instructions import Instructions
from rehearsal.twilio.legs import Interest, Leg, Status
from rehearsal.twilio.line import Line, Spawn
from rehearsal.twilio.running_call import RunningCall, Source
from rehearsal.twilio.webhooks import Answer, Cookies, Webhooks

Recordings = tuple[bytes, bytes]


class Exchange:
    """
    Where the calls of all accounts run.

    Args:
        webhooks: Asks their servers; media streams lead where its requests do.
        spawn: Starts a task that its owner waits for.
        report: Called with a line for people at each event.
    """

    def __init__(self, webhooks: Webhooks, spawn: Spawn, report: Callable[[str], None]) -> None:
        self._webhooks = webhooks
        self._spawn = spawn
        self._report = report

    def call_in(
        self,
        account: Account,
        to: str,
        from_: str,
        *,
        recordings: Recordings = (b"", b""),
        call_sid: str | None = None,
        caller_name: str = "",
    ) -> RunningCall:
        """
        Have a call come in at a number; who called hangs up when all is said.

        Raises:
            RestError: the account has no such number.
        """
        number = account.numbers.find(to)
        if number is None:
            raise RestError(404, 20404, f"the account has no number {to}")
        leg = Leg(
            sid=call_sid or new_sid("CA"),
            account_sid=account.sid,
            from_=from_,
            to=to,
            direction="inbound",
            created_at=time.time(),
            number_sid=number.sid,
            caller_name=caller_name if number.voice_caller_id_lookup else "",
            interest=Interest(number.status_callback, number.status_callback_method),
        )
        fallback = None
        if number.voice_fallback_url:
            fallback = (number.voice_fallback_url, number.voice_fallback_method)
        first = Source(number.voice_url, number.voice_method, fallback=fallback)
        if number.voice_application_sid or number.trunk_sid:
            first = Source(twiml="<Response/>")  # its calls go there, and not to its voice URL
        call = self._new_call(account, leg, CallAudio(*recordings))
        call.move(Status.RINGING)
        self._spawn(self._run(account, call, first), f"{leg.sid} call")
        return call

    def call_out(
        self,
        account: Account,
        to: str,
        from_: str,
        first: Source,
        *,
        interest: Interest,
        ring_seconds: float = 60.0,
    ) -> RunningCall:
        """Call somebody, as the API does; where that is a number of the account, it comes in."""
        leg = Leg(
            sid=new_sid("CA"),
            account_sid=account.sid,
            from_=from_,
            to=to,
            direction="outbound-api",
            created_at=time.time(),
            interest=interest,
        )
        call = self._new_call(account, leg, CallAudio(*account.behaviour.recordings))
        dialling = self._dial_out(account, call, first, min(ring_seconds, twiml.MAX_RING_SECONDS))
        self._spawn(dialling, f"{leg.sid} call")
        return call

    async def _dial_out(
        self, account: Account, call: RunningCall, first: Source, ring_seconds: float
    ) -> None:
        """Ring, and go on by TwiML if somebody answers."""
        callee = account.behaviour.callee(call.leg.to)
        call.move(Status.INITIATED)
        call.move(Status.RINGING)
        there = None
        if account.numbers.find(call.leg.to) is not None:
            there = self.call_in(
                account, call.leg.to, call.leg.from_, recordings=account.behaviour.recordings[::-1]
            )
            self._spawn(_end_together(there, call), f"{call.leg.sid} other end")
        answers = callee.outcome if callee.ring_seconds <= ring_seconds else Status.NO_ANSWER
        wait = ring_seconds if answers is Status.NO_ANSWER else callee.ring_seconds
        try:
            async with asyncio.timeout(wait / account.behaviour.speed):
                await call.interrupted.wait()
        except TimeoutError:
            pass
        if call.hung_up is not None or answers is not Status.IN_PROGRESS:
            await call.end(Status.CANCELED if call.hung_up else answers)
        else:
            call.answer()
            await self._run(account, call, first)
        if there is not None:
            there.hang_up()

    async def _run(self, account: Account, call: RunningCall, first: Source) -> None:
        instructions = Instructions(
            call,
            account.behaviour,
            ask=partial(self._ask, account, Cookies()),
            new_child=partial(self._new_child, account),
            alert=self._alert(account, call.leg),
        )
        hanging_up = asyncio.create_task(_hang_up_when_all_is_said(call))
        try:
            await instructions.run(first)
        finally:
            hanging_up.cancel()
            await asyncio.wait({hanging_up})

    async def _ask(
        self, account: Account, cookies: Cookies, url: str, method: str, form: Mapping[str, str]
    ) -> Answer:
        return await self._webhooks.ask(url, method, form, account.auth_token, cookies)

    def _new_child(
        self, account: Account, parent: RunningCall, party: twiml.Party, dial: twiml.Dial
    ) -> RunningCall:
        leg = Leg(
            sid=new_sid("CA"),
            account_sid=account.sid,
            from_=dial.caller_id or parent.leg.from_,
            to=party.address,
            direction="outbound-dial",
            created_at=time.time(),
            parent_sid=parent.leg.sid,
            interest=Interest(party.status_callback, party.status_callback_method, party.events),
        )
        return self._new_call(account, leg, parent.audio.other_side())

    def _new_call(self, account: Account, leg: Leg, audio: CallAudio) -> RunningCall:
        line = Line(
            behaviour=account.behaviour,
            auth_token=account.auth_token,
            reach=self._webhooks.reach,
            trust=self._webhooks.trust,
            spawn=self._spawn,
            alert=self._alert(account, leg),
            report=self._report,
        )
        callbacks = Callbacks(self._webhooks, line)
        call = RunningCall(leg, audio, Forks(leg, audio, callbacks, line), callbacks, line)
        account.add_call(call)
        self._report(f"{leg.sid}: {leg.direction}, from {leg.from_} to {leg.to}")
        return call

    def _alert(self, account: Account, leg: Leg) -> Callable[[int, str], None]:
        def alert(code: int, text: str) -> None:
            account.alert(code, text, leg.sid)
            self._report(f"{leg.sid}: {text}")

        return alert


async def _end_together(one: RunningCall, other: RunningCall) -> None:
    await one.over.wait()
    other.hang_up()


async def _hang_up_when_all_is_said(call: RunningCall) -> None:
    await call.said()
    call.hang_up()
