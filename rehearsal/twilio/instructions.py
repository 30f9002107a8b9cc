"""
What a call does: it asks for TwiML, and does what that says until it ends.

Source: https://www.twilio.com/docs/voice/twiml
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from rehearsal.errors import TwilioFailure, WebhookFailed
from rehearsal.twilio import forms, twiml
from rehearsal.twilio.behaviour import Behaviour
from rehearsal.twilio.dialling import Dialling
from rehearsal.twilio.legs import Status
from rehearsal.twilio.running_call import RunningCall, Source
from rehearsal.twilio.webhooks import Answer

Ask = Callable[[str, str, Mapping[str, str]], Awaitable[Answer]]
NewChild = Callable[[RunningCall, twiml.Party, twiml.Dial], RunningCall]
XML_TYPES = ("text/xml", "application/xml", "text/html")


class Instructions:
    """
    Runs a call by its TwiML, to its end.

    Args:
        call: It.
        behaviour: How it goes.
        ask: Asks a webhook.
        new_child: Makes a leg for somebody who is dialled.
        alert: Called with code and words where something goes wrong.
    """

    def __init__(
        self,
        call: RunningCall,
        behaviour: Behaviour,
        *,
        ask: Ask,
        new_child: NewChild,
        alert: Callable[[int, str], None],
    ) -> None:
        self._call = call
        self._behaviour = behaviour
        self._ask = ask
        self._new_child = new_child
        self._alert = alert

    async def run(self, first: Source) -> None:
        """Do what the first document says, and those it leads to."""
        source: Source | None = first
        rejected = Status.COMPLETED
        try:
            while source is not None and self._call.hung_up is None:
                self._call.interrupted.clear()
                source = await self._unless_interrupted(self._follow(source))
                if self._call.redirected is not None:
                    source, self._call.redirected = self._call.redirected, None
        except _Rejected as exc:
            rejected = exc.status
        finally:
            await self._call.end(self._call.hung_up or rejected)

    async def _unless_interrupted(self, work: Awaitable[Source | None]) -> Source | None:
        """Wait for work, or for the call to be hung up or redirected; then the work is over too."""
        doing = asyncio.ensure_future(work)
        giving_up = asyncio.create_task(self._call.interrupted.wait())
        try:
            await asyncio.wait({doing, giving_up}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            doing.cancel()
            giving_up.cancel()
            await asyncio.wait({doing, giving_up})
        return None if doing.cancelled() else doing.result()

    async def _follow(self, source: Source) -> Source | None:
        """Find a document and do what it says; returns where to go on, None for nowhere."""
        document = await self._document(source)
        if document is None:
            self._call.answer()  # an apology is read
            return None
        if not (document.verbs and isinstance(document.verbs[0], twiml.Reject)):
            self._call.answer()
        for verb in document.verbs:
            leads = await self._do(verb)
            if leads is not _GO_ON:
                return leads
        return None

    async def _document(self, source: Source) -> twiml.Document | None:
        """Find a document, by the fallback if need be."""
        try:
            return await self._read(source)
        except TwilioFailure as exc:
            self._alert(exc.code, str(exc))
            if source.fallback is None:
                return None
            url, method = source.fallback
            more = tuple(forms.failed(exc.code, source.url).items())
            return await self._document(Source(url, method, more=more))

    async def _read(self, source: Source) -> twiml.Document:
        if source.twiml:
            document = twiml.read(source.twiml.encode(), source.url)
        else:
            form = self._call.leg.form() | dict(source.more)
            document = _read_answer(await self._ask(source.url, source.method, form))
        for warning in document.warnings:
            self._warn(warning)
        return document

    async def _do(self, verb: twiml.Verb) -> Source | None:
        """Do one thing; returns _GO_ON, or where to go on instead, None for nowhere."""
        call = self._call
        clock = call.answer() if not isinstance(verb, twiml.Reject) else None
        match verb:
            case twiml.Start(streams) if clock is not None:
                for stream in streams:
                    call.forks.start(stream, clock)
            case twiml.Stop(names):
                for name in names:
                    self._stop(name)
            case twiml.Say(text) if clock is not None:
                call.play()
                await clock.until(clock.now() + len(text) * self._behaviour.letter_seconds)
            case twiml.Pause(seconds) if clock is not None:
                call.converse()
                await clock.until(clock.now() + seconds)
            case twiml.Dial():
                return await self._dial(verb)
            case twiml.Redirect(url, method):
                return Source(url, method)
            case twiml.Hangup():
                return None
            case twiml.Reject(reason):
                raise _Rejected(Status.BUSY if reason == "busy" else Status.NO_ANSWER)
        return _GO_ON

    def _stop(self, name: str) -> None:
        fork = self._call.forks.find(name)
        if fork is None or not fork.live:
            self._warn(f"no stream is called {name!a}")
        else:
            fork.stop()

    def _warn(self, what: str) -> None:
        self._alert(12200, f"12200 Schema validation warning: {what}")

    async def _dial(self, dial: twiml.Dial) -> Source | None:
        """Have others join the call, and go on when they are done."""
        children = [self._new_child(self._call, party, dial) for party in dial.parties]
        told = await Dialling(self._call, children, self._behaviour).run(dial)
        if not dial.action:
            return _GO_ON
        more: dict[str, str] = {}
        if told is not None:
            more = forms.dialled(told.leg.sid, told.leg.status, told.leg.duration)
        return Source(dial.action, dial.method, more=tuple(more.items()))


class _Rejected(Exception):
    """The call is not answered."""

    def __init__(self, status: Status) -> None:
        self.status = status


# What a verb returns after which the next one comes.
_GO_ON = Source()


def _read_answer(answer: Answer) -> twiml.Document:
    """Read what a webhook answered, by its type."""
    if answer.content_type in XML_TYPES:
        return twiml.read(answer.body, answer.url)
    if answer.content_type == "text/plain":
        # Whatever it is, it is read aloud: a mistake that is heard.
        return twiml.Document((twiml.Say(answer.body.decode(errors="replace")),))
    if not answer.body:
        return twiml.Document()
    what = answer.content_type or "no type"
    raise WebhookFailed(12300, "Invalid Content-Type", f"{answer.url} answered {what}")
