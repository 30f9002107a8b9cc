"""
Ends a process whose event loop is stuck, and says where it stuck.

Such a process answers nobody, renews no lease, and would keep its sockets for ever: Twilio's media
streams begin anew elsewhere once they are closed, and the platform starts another process. Nothing
that runs in the loop can notice, so a thread does.
"""

import asyncio
import faulthandler
import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Self

import structlog

from handler.server.lasting import Lasting
from handler.server.vitals import Vitals

# EX_SOFTWARE of sysexits.h: no other end of the service has it.
EXIT_CODE = 70
# How often the loop is asked; what it answers late by less is no matter.
LOOK_SECONDS = 0.5
# A loop that does not answer for so long is late for every call.
SLOW_SECONDS = 1.0
# Between two log lines of it.
PERIOD_SECONDS = 60.0
# So much of the time between two looks counts: below SLOW_SECONDS, as a process that was suspended
# has one look that comes late.
LONGEST_LOOK = 1.5
# For the last log line, as a loop may be stuck because nobody reads the log.
LAST_WORD_SECONDS = 1.0
# Of the stack, the innermost first.
MAX_FRAMES = 20

_log = structlog.get_logger()


class Watchdog:
    """
    Asks a loop whether it answers, from a thread of its own.

    A context manager, entered in the loop that is watched. What keeps even that thread from running
    (an endless regular expression holds Python's lock) ends the process by SIGPROF, after as much
    CPU time, with the stacks of all threads on standard error.
    """

    def __init__(
        self,
        seconds: float,
        vitals: Vitals,
        *,
        look: float = LOOK_SECONDS,
        slow: float = SLOW_SECONDS,
        last_word: float = LAST_WORD_SECONDS,
    ) -> None:
        """
        Prepare it; all times are in seconds.

        Args:
            seconds: How long the loop may be stuck; 0: for ever, and nothing is watched.
            vitals: Where it is counted that the loop was late.
            look: Between two questions.
            slow: From when on a loop is late.
            last_word: For the last log line to be written.
        """
        self._seconds = seconds
        self._vitals = vitals
        self._look = look
        self._slow = slow
        self._last_word = last_word
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._unanswered = False  # the loop was asked, and has not answered
        self._told_at = float("-inf")

    def __enter__(self) -> Self:
        if self._seconds:
            self._loop = asyncio.get_running_loop()
            self._watched = threading.get_ident()
            faulthandler.register(signal.SIGPROF, file=sys.stderr, chain=True)
            self._bound_cpu()
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._seconds:
            self._ended.set()
            self._thread.join()
            signal.setitimer(signal.ITIMER_PROF, 0)
            faulthandler.unregister(signal.SIGPROF)

    def _watch(self) -> None:
        stuck = Lasting(LONGEST_LOOK * self._look)
        late = False
        while not self._ended.wait(self._look):
            self._bound_cpu()
            lasted = stuck.look(time.monotonic(), lasts=self._unanswered)
            if not self._unanswered:
                late = False
                self._unanswered = True
                self._loop.call_soon_threadsafe(self._answer)
            elif lasted >= self._seconds:
                self._end(lasted)
            elif lasted >= self._slow and not late:
                late = True
                self._tell()

    def _bound_cpu(self) -> None:
        """Let the process use so much CPU until the next look; suspended, it uses none."""
        signal.setitimer(signal.ITIMER_PROF, self._seconds)

    def _answer(self) -> None:
        self._unanswered = False

    def _tell(self) -> None:
        """Count that the loop is late, and say where it is."""
        self._vitals.loop_stalls += 1
        now = time.monotonic()
        if now - self._told_at >= PERIOD_SECONDS:
            self._told_at = now
            _say("the event loop does not answer", self._slow, self._where(), 0)

    def _end(self, lasted: float) -> None:
        """End the process; what it holds is for others to take up."""
        _say("the event loop is stuck: the process ends", lasted, self._where(), self._last_word)
        os._exit(EXIT_CODE)

    def _where(self) -> list[str]:
        return stack(sys._current_frames().get(self._watched))  # noqa: SLF001  documented


def stack(frame: FrameType | None) -> list[str]:
    """Return where a frame is and who called it, the innermost first; no value of theirs."""
    places: list[str] = []
    while frame is not None and len(places) < MAX_FRAMES:
        module = frame.f_globals.get("__name__", "?")
        places.append(f"{module}:{frame.f_lineno} {frame.f_code.co_qualname}")
        frame = frame.f_back
    return places


def _say(event: str, seconds: float, where: list[str], patience: float) -> None:
    """Write a log line, and wait no longer for it than that: it may never be read."""
    facts = {"seconds": round(seconds, 1), "where": where}
    if patience:
        facts["exit_code"] = EXIT_CODE
    line = threading.Thread(target=_log.error, args=(event,), kwargs=facts, daemon=True)
    line.start()
    line.join(patience)
