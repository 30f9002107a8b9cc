"""
``partyline probe``: one short call through the service as it is deployed, stage by stage.

It comes as Twilio's do: the voice webhook is asked, the media stream opened that it answers with,
two recorded sentences are played in real time, and a viewer reads along. What it finds is a call
like any other, which retention takes away.
"""

import asyncio
import json
import math
import secrets
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

from handler import addresses
from handler.findings import Finding, Findings
from handler.probe import answers, delays, twiml, web
from handler.probe.delays import Heard
from handler.probe.doors import TO, Doors, bearer
from handler.probe.sockets import MediaStream, Unopened, opened, read
from handler.probe.speech import Speech, recorded
from handler.probe.twiml import Stream
from handler.probe.web import Unanswered, Web

STAGES = (
    "reach",
    "webhook",
    "ticket",
    "viewer",
    "handshake",
    "frames",
    "started",
    "first-words",
    "all-words",
    "ended",
    "transcript",
    "delay",
)
# Between `stop` and the last record: Deepgram may take CLOSE_SECONDS (10) for its last results.
END_SECONDS = 15.0
# All of it: the audio is 11 s, and each question has a bound of its own.
LONGEST = 75.0
# Of the words, how many must come; recognisers differ, and so do their models.
ENOUGH, FEW = 0.8, 0.5
SLOW = 5.0
# A service that answers so has no voice webhook, or none that is in use.
NO_WEBHOOK = frozenset({404, 405, 501})


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """
    How the probe calls.

    Attributes:
        doors: Of the service, and what opens them to Twilio.
        token: What the viewer shows; empty for none.
        by_webhook: The voice webhook is asked first.
        to: The number that is called.
        call_sid: The call's name.
        speech: What is said.
        end_seconds: How long the end of the call is waited for.
    """

    doors: Doors
    token: str = field(repr=False)
    by_webhook: bool = True
    to: str = TO
    call_sid: str = field(default_factory=lambda: f"CA{secrets.token_hex(16)}")
    speech: Speech = field(default_factory=recorded)
    end_seconds: float = END_SECONDS


class Probe:
    """One canary call; :meth:`run` leaves a verdict on each stage in ``findings``."""

    def __init__(self, plan: Plan) -> None:
        self.findings = Findings(STAGES)
        self._plan = plan
        self._heard = Heard()
        self._ended = asyncio.Event()
        self._begun = math.inf
        self._now = "reach"  # the stage that is waited for

    async def run(self) -> Sequence[Finding]:
        """Place the call; returns what was found, at the latest after :data:`LONGEST`."""
        try:
            async with asyncio.timeout(LONGEST):
                await self._run()
        except TimeoutError:
            self.findings.failed(
                self._now,
                f"not over within {LONGEST:g} s",
                "the way to the service is very slow: see its log and that of its proxy",
            )
        self.findings.skip_rest(STAGES, "an earlier stage failed")
        return self.findings.all

    async def _run(self) -> None:
        async with AsyncExitStack() as stack:
            asking = await stack.enter_async_context(web.opened())
            if not await self._reach(asking):
                return
            stream = await self._stream(asking)
            if stream is None:
                return
            viewing = await self._view(stack)
            if await self._call(stream) and viewing:
                await self._listen()
            self._judge_words()
            await self._transcript(asking)

    async def _reach(self, asking: Web) -> bool:
        """Whether the service is there and takes calls."""
        url = f"{self._plan.doors.base}/readyz"
        try:
            answer = await asking.get(url)
        except Unanswered as exc:
            self.findings.failed(
                "reach",
                f"{addresses.shown(url)}: {exc}",
                "let the address be reached from outside: name, port, certificate, firewall; "
                "`partyline doctor` looks at each",
            )
            return False
        fault = answers.of_readyz(answer.status, answer.text)
        if fault is not None:
            self.findings.failed("reach", *fault)
            return False
        self.findings.ok("reach", f"{addresses.shown(self._plan.doors.url)} is ready for calls")
        return True

    async def _stream(self, asking: Web) -> Stream | None:
        """Return the media stream that is to be opened; None if there is none."""
        plan = self._plan
        plain = Stream(plan.doors.stream_url, "both_tracks", {"direction": "inbound"})
        if not plan.by_webhook:
            self.findings.skip_rest(("webhook", "ticket"), "the stream alone was asked for")
            return plain
        self._now = "webhook"
        url = plan.doors.voice_url
        try:
            answer = await plan.doors.ask_webhook(asking, plan.call_sid, to=plan.to)
        except Unanswered as exc:
            self.findings.failed("webhook", f"{url}: {exc}", "the service's log says more")
            return None
        if answer.status in NO_WEBHOOK:
            why = f"the service has no voice webhook (HTTP {answer.status}): the stream alone"
            self.findings.skip_rest(("webhook", "ticket"), why)
            return plain
        return self._read(answer, url)

    def _read(self, answer: web.Answer, url: str) -> Stream | None:
        """Read what the webhook answered."""
        if answer.status != 200:
            self.findings.failed("webhook", *answers.of_status(answer.status, answer.text))
            return None
        try:
            stream = twiml.read(answer.text)
        except ValueError as exc:
            self.findings.failed(
                "webhook", f"the answer is not what Twilio needs: {exc}", f"is {url} ours?"
            )
            return None
        if stream.track != "both_tracks":
            self.findings.warning(
                "webhook", f"track={stream.track!r}", "one side alone is read: say both_tracks"
            )
        self.findings.ok("webhook", f"TwiML, with a stream to {addresses.shown(stream.url)}")
        if stream.ticket is None:
            self.findings.warning(
                "ticket",
                "the TwiML has none",
                "without one whoever has seen a handshake can repeat it: let the service's own "
                "webhook answer",
            )
        else:
            self.findings.ok("ticket", "given for this call")
        return stream

    async def _view(self, stack: AsyncExitStack) -> bool:
        """Let a viewer read the call; whether it was let in."""
        plan, self._now = self._plan, "viewer"
        try:
            connection = await stack.enter_async_context(
                opened(
                    plan.doors.viewer_url(plan.call_sid), bearer(plan.token), answers.of_subscriber
                )
            )
        except Unopened as exc:
            self.findings.failed("viewer", *exc.fault)
            return False
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        reading = tasks.create_task(read(connection, self._take), name="probe viewer")
        stack.callback(reading.cancel)
        self.findings.ok("viewer", "let in, and waiting for the call")
        return True

    def _take(self, message: dict[str, Any]) -> None:
        at = asyncio.get_running_loop().time() - self._begun
        self._heard.receive(message, at)
        if self._heard.end is not None:
            self._ended.set()

    async def _call(self, stream: Stream) -> bool:
        """Open the media stream and play the sentences; whether all of them were taken."""
        plan, self._now = self._plan, "handshake"
        sids = {
            "accountSid": plan.doors.account_sid,
            "callSid": plan.call_sid,
            "streamSid": f"MZ{secrets.token_hex(16)}",
        }
        url = stream.url.partition("?")[0]  # as Twilio does
        try:
            async with opened(url, plan.doors.signed(url)) as connection:
                self.findings.ok("handshake", f"{addresses.shown(url)} takes it")
                self._now = "frames"
                media = MediaStream(connection, sids, stream.parameters)
                self._begun = asyncio.get_running_loop().time()
                fault = await media.play(plan.speech)
        except Unopened as exc:
            self.findings.failed("handshake", *exc.fault)
            return False
        if fault is not None:
            self.findings.failed("frames", fault.said, fault.advice, sent=media.sent)
            return False
        seconds = plan.speech.seconds
        self.findings.ok("frames", f"{media.sent} of both sides, {seconds:.1f} s", sent=media.sent)
        return True

    async def _listen(self) -> None:
        """Wait for the end of the call, which comes behind its last words."""
        self._now = "ended"
        with suppress(TimeoutError):
            async with asyncio.timeout(self._plan.end_seconds):
                await self._ended.wait()

    def _judge_words(self) -> None:
        if not self.findings.holds("viewer") or not self.findings.holds("frames"):
            return
        heard = self._heard
        if "CallStarted" not in heard.types:
            self.findings.failed(
                "started",
                "no CallStarted came to the viewer",
                "NATS keeps or tells on nothing: run `partyline doctor`, and look for `nats` in "
                "the service's log",
            )
            return
        self.findings.ok("started", "CallStarted came")
        judge_words(self.findings, heard, self._plan.speech.texts)
        if heard.end is None:
            self.findings.failed(
                "ended",
                f"no CallEnded within {self._plan.end_seconds:g} s of the stop",
                "Deepgram has not sent its last results, or NATS takes no records: the service's "
                "log says which",
            )
        else:
            self.findings.ok("ended", f"CallEnded came ({heard.end.get('reason')})")

    async def _transcript(self, asking: Web) -> None:
        if not self.findings.holds("started"):
            return
        self._now = "transcript"
        plan = self._plan
        url = f"{plan.doors.base}/calls/{plan.call_sid}/transcript.json"
        try:
            answer = await asking.get(url, bearer(plan.token))
        except Unanswered as exc:
            self.findings.failed("transcript", str(exc), "the service's log says more")
            return
        if answer.status != 200:
            self.findings.failed("transcript", *answers.of_subscriber(answer.status, answer.text))
            return
        try:
            said = [str(turn["text"]) for turn in json.loads(answer.text)["turns"]]
        except (ValueError, LookupError, TypeError):
            fault = "it is no transcript in JSON"
            self.findings.failed("transcript", fault, answers.IS_IT_PARTYLINE)
            return
        if count := len(delays.words(" ".join(said))):
            self.findings.ok("transcript", f"{count} words")
        elif self._heard.words:
            advice = "NATS keeps no records: run `partyline doctor`"
            self.findings.failed("transcript", "it has none of the words that came", advice)
        else:
            self.findings.skipped("transcript", "it is there, without words: none came")


def judge_words(findings: Findings, heard: Heard, texts: Mapping[str, str]) -> None:
    """Say which of the words came, and how late."""
    if heard.first is None:
        findings.failed(
            "first-words",
            "none came",
            "Deepgram hears nothing: run `partyline doctor`, and look for `deepgram lost` in the "
            "service's log",
        )
        return
    findings.ok("first-words", f"{heard.first:.1f} s after the call began", seconds=heard.first)
    share, counts = share_of_words(heard, texts)
    said = f"{share:.0%} ({counts})"
    advice = (
        "let DEEPGRAM_OPTIONS ask for English, which the probe speaks, and redact nothing; else "
        "look for `Gap` in the transcript, and `late-audio` in the log"
    )
    if share >= ENOUGH:
        findings.ok("all-words", said, share=share)
    elif share >= FEW:
        findings.warning("all-words", said, advice, share=share)
    else:
        findings.failed("all-words", said, advice, share=share)
    if not heard.delays:
        return
    p50, p95 = (delays.percentile(heard.delays, share) for share in (0.5, 0.95))
    told = f"speech to viewer p50 {p50:.2f} s, p95 {p95:.2f} s ({len(heard.delays)} finals)"
    facts = {"p50": round(p50, 3), "p95": round(p95, 3), "finals": len(heard.delays)}
    if p95 > SLOW:
        findings.warning(
            "delay",
            told,
            "the way to Deepgram or to the viewer is slow, or this service has more calls than it "
            "can carry: compare partyline_speech_to_published_seconds",
            **facts,
        )
    else:
        findings.ok("delay", told, **facts)


def share_of_words(heard: Heard, texts: Mapping[str, str]) -> tuple[float, str]:
    """Return the share of the words that came, and the counts of each track in words."""
    counts, came, expected = [], 0, 0
    for track, text in texts.items():
        said = delays.words(text)
        arrived = delays.arrived(said, heard.words.get(track, ()))
        counts.append(f"{track} {arrived} of {len(said)}")
        came, expected = came + arrived, expected + len(said)
    return came / expected, ", ".join(counts)
