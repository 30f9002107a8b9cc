"""What is told of one call: what the recogniser says, and what is lost, as records and interims."""

import logging
import time
from collections.abc import Iterable
from typing import assert_never

import structlog

from broker import records
from broker.records import Record
from broker.writer import CallWriter
from handler.audio.loss import Loss
from handler.audio.mulaw import seconds
from handler.calls.call_clock import CallClock
from handler.calls.gaps import OpenGaps, gap
from handler.calls.records import Utterances, spoken_until
from handler.deepgram.messages import Result, Signal
from handler.deepgram.recogniser import Down, Note, Output, Up
from handler.refusals import refusals


class Publisher:
    """
    Hands what there is to tell of a call to its writer. Nothing here waits.

    Attributes:
        utterances: Of which tracks an utterance goes on.
    """

    def __init__(self, writer: CallWriter, clock: CallClock) -> None:
        self.utterances = Utterances()
        self._writer = writer
        self._clock = clock
        self._gaps = OpenGaps()
        self._log = structlog.get_logger().bind(call_sid=writer.call.call_sid)

    def take(self, output: Output) -> None:
        """Take what comes from the recogniser."""
        match output:
            case Result() if self.utterances.is_record(output):
                until = spoken_until(output)
                at = None if until is None else self._clock.started_at / 1000 + until
                self._writer.put(
                    Record(
                        "final",
                        output.track.value,
                        output.body,
                        spoken_at=at,
                        heard_at=time.time(),
                    )
                )
            case Result() | Signal():
                self._writer.interim(output.track.value, output.body)
            case Down(reason):
                self._writer.put(records.recogniser("down", reason))
            case Up():
                self._writer.put(records.recogniser("up", None))
            case Note(reason, away):
                self._writer.put(records.recogniser("down" if away else "up", reason))
            case Loss():
                self.lose(output)
            case _:
                assert_never(output)

    def add_losses(self, losses: Iterable[Loss], now: float) -> None:
        """Take losses that may still grow, and tell of those that have ended by ``now``."""
        for loss in losses:
            self._gaps.add(loss, now)
        for loss in self._gaps.pop_ended(now):
            self.lose(loss)

    def lose(self, loss: Loss) -> None:
        """Tell of a loss that is known in full."""
        record = gap(loss)
        if record is None:
            return
        facts = {name: record.body[name] for name in ("reason", "start", "end", "track")}
        self._log.warning("gap", **facts)
        self._writer.put(record)

    def lose_all(self) -> None:
        """Tell of the losses that might have grown: the call is over, or goes elsewhere."""
        for loss in self._gaps.pop_all():
            self.lose(loss)

    def leave_options_out(self, problems: tuple[str, ...]) -> None:
        """Say in the log and in the call what it asked for in vain; nothing is away by that."""
        refusals.note(
            "options of a call left out",
            None,
            logging.WARNING,
            call_sid=self._writer.call.call_sid,
            problems=list(problems),
            advice="CALL_OPTIONS names those that a call may set",
        )
        reason = f"not all of this call's options are used: {'; '.join(problems)}"
        self._writer.put(records.recogniser("up", reason))

    def end(
        self, duration: int, reason: str, request_ids: Iterable[str], status: str | None
    ) -> None:
        """
        Say that the call is over.

        Args:
            duration: How far it is known, in samples on the call clock.
            reason: Why it is.
            request_ids: Deepgram's names for its connections.
            status: What Twilio says that became of it, if that is known.
        """
        self._writer.put(records.call_ended(seconds(duration), reason, request_ids, status))
