"""
``partyline demo``: the whole of it on one machine, with a recorded call and no account.

It joins programs: the service with an embedded nats-server, and the stand-in for Deepgram. The
stand-in for Twilio and a subscriber run in this process. However this process ends, the others do
too: they see their standard input end.
"""

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import shlex
import signal
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeVar
from urllib.parse import urlencode

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from rehearsal import audio
from rehearsal.cli import CALLEE, CALLER, OUTBOUND_DELAY, SPEECH, load_moonshine
from rehearsal.compare import difference, error_rate
from rehearsal.errors import DemoFailed, RehearsalError
from rehearsal.live import PARTIES, Display, Transcript
from rehearsal.recognise import recognise, transcript
from rehearsal.twilio import Options, place_call

T = TypeVar("T")

# Loading the recogniser takes two seconds, on a slow and busy machine many more.
START_SECONDS = 90.0
STOP_SECONDS = 15.0
# From the end of the call to the end of its transcript.
TRANSCRIPT_SECONDS = 60.0
POLL_SECONDS = 0.05
TAIL_LINES = 15
TOKEN_TTL = "12h"  # noqa: S105  a time
# What Twilio, the mixer and the websocket may change of the recogniser's words.
MOST_DIFFERENCE = 0.02
# What the programs get of our environment. No setting of another service may leak in.
INHERITED = frozenset(
    {"HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "TZ"}
)
INHERITED_PREFIXES = ("LC_", "PYTHON")


@dataclass(frozen=True, slots=True)
class Part:
    """A program of the demo, and the file that its output goes to."""

    name: str
    process: Process
    output: Path

    def lines(self) -> list[str]:
        """Return what it has said so far."""
        return self.output.read_text(errors="replace").splitlines()

    def failed(self, what: str) -> DemoFailed:
        """Return the error that says what the program did, and its last words."""
        return DemoFailed("\n".join([f"{self.name} {what}:", *self.lines()[-TAIL_LINES:]]))


@dataclass(slots=True)
class Demo:
    """
    What runs, and how to reach it.

    Attributes:
        directory: For what the programs write; the demo's own.
        environ: The settings of the programs.
        parts: The programs that run, in the order in which they started.
        url: Of the service, once it is ready.
        nats_url: Of its nats-server.
        token: Lets a subscriber read every call.
    """

    directory: Path
    environ: dict[str, str]
    parts: list[Part] = field(default_factory=list)
    url: str = ""
    nats_url: str = ""
    token: str = ""

    async def start(self) -> None:
        """Start the programs, each when the one before answers."""
        say("starting the recogniser …")
        deepgram = await self._start_part("recogniser", "rehearse", "deepgram", "--stop-at-eof")
        self.environ["DEEPGRAM_URL"] = await _found(deepgram, _deepgram_url)
        say("starting the service and its nats-server …")
        service = await self._start_part("service", "serve", "--embedded-nats", "--stop-at-eof")
        ready = await _found(service, _ready)
        self.url, self.nats_url = ready["url"], ready["nats_url"]
        self.token = await self._mint()

    async def stop(self) -> None:
        """Stop the programs, the last one first; each ends by itself when its input does."""
        for part in reversed(self.parts):
            if part.process.stdin is not None:
                part.process.stdin.close()
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await part.process.wait()
            except TimeoutError:
                part.process.kill()
                await part.process.wait()

    async def watch(self) -> None:
        """
        Return never.

        Raises:
            DemoFailed: a program ended that should not.
        """
        waiting = {asyncio.create_task(part.process.wait()): part for part in self.parts}
        try:
            ended, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        part = waiting[ended.pop()]
        raise part.failed(f"ended unexpectedly with exit code {part.process.returncode}")

    async def place_call(self) -> Transcript:
        """Play the recorded call, print its transcript as it comes, and return it."""
        inbound, outbound = (audio.read(SPEECH / f"{side}.wav") for side in PARTIES.values())
        options = Options(
            auth_token=self.environ["TWILIO_AUTH_TOKEN"],
            parameters={"from": CALLER, "to": CALLEE, "direction": "inbound"},
            outbound_delay=OUTBOUND_DELAY,
            seed=secrets.randbits(16),
        )
        say(f"\nA call comes in: {options.call_sid}, {len(inbound) // audio.SAMPLE_RATE} seconds\n")
        self._print_lines_to_paste(options.call_sid)
        reading = asyncio.create_task(self._read(options.call_sid))
        try:
            report = await place_call(f"{self._ws}/twilio", inbound, outbound, options)
            if not report.ok:
                raise DemoFailed(f"the media stream had problems: {', '.join(report.problems)}")
            async with asyncio.timeout(TRANSCRIPT_SECONDS):
                return await reading
        except TimeoutError:
            raise DemoFailed("the call is over, but its transcript has not ended") from None
        finally:
            reading.cancel()
            await asyncio.wait({reading})

    async def _read(self, call_sid: str) -> Transcript:
        """Read a call as any subscriber would, from before its beginning to its end."""
        heard = Transcript()
        try:
            async with connect(
                f"{self._ws}/client?{urlencode({'call': call_sid})}",
                additional_headers={"Authorization": f"Bearer {self.token}"},
                compression=None,
                proxy=None,
            ) as socket:
                with Display() as display:
                    async for text in socket:
                        display.show(heard, json.loads(text))
        except (ConnectionClosed, InvalidHandshake, OSError) as exc:
            raise DemoFailed(f"the service ended the subscription: {exc}") from exc
        if not heard.ended:
            raise DemoFailed("the subscription ended before the call")
        return heard

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
        minting = await self._spawn("token", "--ttl", TOKEN_TTL, stdin=DEVNULL, stdout=PIPE)
        token, _ = await minting.communicate()
        if minting.returncode != 0:
            raise DemoFailed("no token could be made")
        return token.decode().strip()

    async def _start_part(self, name: str, *arguments: str) -> Part:
        path = self.directory / f"{name}.log"
        with path.open("wb") as output:
            process = await self._spawn(*arguments, stdin=PIPE, stdout=output, stderr=output)
        part = Part(name, process, path)
        self.parts.append(part)
        return part

    async def _spawn(
        self,
        *arguments: str,
        stdin: int,
        stdout: int | IO[bytes],
        stderr: int | IO[bytes] | None = None,
    ) -> Process:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name in INHERITED or name.startswith(INHERITED_PREFIXES)
        }
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "handler.cli",
            *arguments,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env={**inherited, **self.environ},
            start_new_session=True,  # Ctrl-C reaches us alone; we stop them in order
        )


async def _found(part: Part, find: Callable[[str], T | None]) -> T:
    """Wait for a line of a program's output in which ``find`` finds something."""
    try:
        async with asyncio.timeout(START_SECONDS):
            while True:
                ended = part.process.returncode is not None  # before its last lines are read
                for line in part.lines():
                    if (value := find(line)) is not None:
                        return value
                if ended:
                    raise part.failed("did not start")
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise part.failed(f"did not start within {START_SECONDS:g} s") from None


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


def main(argv: list[str], prog: str = "partyline demo") -> int:
    """Run the demo; returns the exit code."""
    arguments = _parser(prog).parse_args(argv)
    try:
        return asyncio.run(_until_stopped(_once() if arguments.once else _stay_up()))
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
    with tempfile.TemporaryDirectory(prefix="partyline-demo-") as directory:
        demo = Demo(
            Path(directory),
            {
                "HOST": "127.0.0.1",
                "PORT": "0",
                "TWILIO_AUTH_TOKEN": secrets.token_hex(16),
                "DEEPGRAM_API_KEY": secrets.token_hex(16),
                "TOKEN_SECRET": secrets.token_hex(32),
                "NATS_STORE": str(Path(directory) / "nats"),
            },
        )
        try:
            await demo.start()
            yield demo
        finally:
            await demo.stop()


async def _stay_up() -> int:
    async with _running() as demo, _watching(demo) as unless_a_part_fails:
        entered = _enters()
        while True:
            await unless_a_part_fails(demo.place_call())
            say("\nEnter places another call, Ctrl-C ends.")
            entered.clear()
            await unless_a_part_fails(entered.wait())


async def _once() -> int:
    async with _running() as demo, _watching(demo) as unless_a_part_fails:
        heard = await unless_a_part_fails(demo.place_call())
    say("\ncomparing with the same files, recognised without Twilio, mixer or websocket …")
    return await asyncio.to_thread(_judge, heard)


@contextlib.asynccontextmanager
async def _watching(
    demo: Demo,
) -> AsyncIterator[Callable[[Coroutine[Any, Any, Any]], Awaitable[Any]]]:
    """Give a function that awaits something, unless a part of the demo fails meanwhile."""
    failing = asyncio.create_task(demo.watch())

    async def unless_a_part_fails(work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401
        task = asyncio.create_task(work)
        try:
            await asyncio.wait({failing, task}, return_when=asyncio.FIRST_COMPLETED)
            if failing.done():
                failing.result()  # raises: it explains what the work may have failed of, too
            return task.result()
        finally:
            task.cancel()
            await asyncio.wait({task})

    try:
        yield unless_a_part_fails
    finally:
        failing.cancel()
        await asyncio.wait({failing})


def _enters() -> asyncio.Event:
    """Return an event that is set by each Enter; where there is no terminal, there are none."""
    entered = asyncio.Event()
    loop = asyncio.get_running_loop()

    def read() -> None:
        if os.read(sys.stdin.fileno(), 4096):
            entered.set()
        else:
            loop.remove_reader(sys.stdin.fileno())

    with contextlib.suppress(OSError, ValueError):  # closed, or of a kind that cannot be awaited
        loop.add_reader(sys.stdin.fileno(), read)
    return entered


def _judge(heard: Transcript) -> int:
    """Print the word error rates, and how the transcript differs from that of the files alone."""
    turns = json.loads((SPEECH / "transcript.json").read_text())["turns"]
    make_recogniser = load_moonshine()
    good = True
    for track, party in PARTIES.items():
        live = " ".join(heard.said[track])
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


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Start a nats-server, the service, a stand-in for Deepgram with a real "
        "recogniser and one for Twilio; place a recorded call of two minutes and print its "
        "transcript as it comes. Enter places another call, Ctrl-C ends it all.",
    )
    parser.add_argument(
        "--once",
        action="store_true",
        help="end after one call, and print the word error rate of each side",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
