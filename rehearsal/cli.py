"""``partyline rehearse``: the stand-ins as programs, and recordings transcribed in place."""

import argparse
import asyncio
import json
import math
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rehearsal import audio, stdin
from rehearsal.deepgram import DeepgramStandIn
from rehearsal.errors import (
    BadScript,
    CallFailed,
    HandshakeRefused,
    MissingExtra,
    Refusal,
    RehearsalError,
)
from rehearsal.faults import Conduct, read_conducts
from rehearsal.frames import FRAME_MS, Stall
from rehearsal.recognise import ENDPOINTING_MS, recognise, transcript
from rehearsal.scripted import Line, Scripted, read_script
from rehearsal.segments import RecogniserFactory, Segment
from rehearsal.twilio import HangUp, Options, Report, Signature, place_call

SPEECH = Path(__file__).parent / "speech" / "call-support"
# Numbers that are set aside for fiction.
CALLER, CALLEE = "+15550100001", "+15550100002"
# Until the callee's phone was picked up and Twilio plays its first sound.
OUTBOUND_DELAY = 0.4
# What the service throttles to.
SERVICE_SPEED = 1.25
PROGRESS_LINES = 10  # in a call, where standard error is no terminal


def main(argv: list[str], prog: str = "partyline rehearse") -> int:
    """Run one of the commands; returns the exit code."""
    arguments = _parser(prog).parse_args(argv)
    try:
        code: int = arguments.run(arguments)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (RehearsalError, OSError) as exc:
        print(f"{prog}: {exc}", file=sys.stderr)
        return 1
    return code


def load_moonshine() -> RecogniserFactory:
    """
    Return what makes real recognisers, its model loaded.

    Raises:
        MissingExtra: a package of the demo extra is not there.
    """
    try:
        from rehearsal.recogniser import Moonshine  # noqa: PLC0415  the demo extra, and heavy
    except ModuleNotFoundError as exc:
        raise MissingExtra(f"{exc.name} is not installed") from exc
    moonshine = Moonshine()
    moonshine.load()
    return moonshine


def _script(path: str) -> list[Line]:
    try:
        return read_script(Path(path).read_text())
    except (BadScript, UnicodeDecodeError) as exc:
        raise BadScript(f"{path}: {exc}") from exc


# call


def _call(arguments: argparse.Namespace) -> int:
    inbound = b"" if arguments.only == "outbound" else audio.read(arguments.caller)
    outbound = b"" if arguments.only == "inbound" else audio.read(arguments.callee)
    return asyncio.run(_place_calls(arguments, inbound, outbound))


async def _place_calls(arguments: argparse.Namespace, inbound: bytes, outbound: bytes) -> int:
    url = _websocket(arguments.url)
    # Two may be set, for a rotation; the first of them signs.
    auth_token = os.environ.get("TWILIO_AUTH_TOKEN", "").replace(",", " ").split()
    if not auth_token and arguments.signature is not Signature.NONE:
        _tell("TWILIO_AUTH_TOKEN is not set: the handshake is not signed")
    common = Options(
        auth_token=auth_token[0] if auth_token else "",
        signed_url=arguments.signed_url,
        signature=arguments.signature,
        parameters={"from": arguments.from_, "to": arguments.to, "direction": arguments.direction},
        speed=arguments.speed,
        outbound_delay=arguments.outbound_delay,
        lost=arguments.lost / 100,
        stalls=tuple(arguments.stall),
        suppress_silence=arguments.suppress_silence,
        frame_ms=arguments.frame_ms,
        shared_chunks=not arguments.chunks_per_track,
        hang_up=arguments.hang_up,
    )
    length = max(
        len(inbound) / audio.SAMPLE_RATE,
        len(outbound) / audio.SAMPLE_RATE + arguments.outbound_delay,
    )
    progress = _progress(length, arguments.calls)
    calls = []
    for number in range(arguments.calls):
        fresh = Options()  # for its SIDs
        options = replace(
            common,
            call_sid=arguments.call_sid or fresh.call_sid,
            account_sid=arguments.account_sid or fresh.account_sid,
            stream_sid=fresh.stream_sid,
            first_timestamp_ms=5 + (number * 37 + 150) % 195,  # Twilio's begin anywhere there
            seed=number,
        )
        _tell(f"{options.call_sid}: calling {url}, {length:.0f} s")
        shown = progress if number == 0 else None  # the others keep step
        calls.append(_place(url, inbound, outbound, options, shown))
    codes = await asyncio.gather(*calls)
    return max(codes)


async def _place(
    url: str,
    inbound: bytes,
    outbound: bytes,
    options: Options,
    progress: Callable[[float], None] | None,
) -> int:
    """Place a call and say what became of it; returns its exit code."""
    try:
        report = await place_call(url, inbound, outbound, options, progress=progress)
    except CallFailed as exc:
        advice = ""
        if isinstance(exc, HandshakeRefused) and exc.status == 403:
            advice = "; is TWILIO_AUTH_TOKEN the server's, and its public URL what was signed?"
        _tell(f"{options.call_sid}: {exc}{advice}")
        return 1
    _tell(f"{options.call_sid}: {_summary(report)}")
    return 0 if report.ok else 1


def _summary(report: Report) -> str:
    facts = [f"{report.frames} frames sent", f"closed with {report.close_code}"]
    facts += [f"{problem} ({count} times)" for problem, count in report.problems.items()]
    return ", ".join(facts)


def _websocket(url: str) -> str:
    """Take http for ws: what a server's other commands call their URL."""
    for plain, scheme in (("http://", "ws://"), ("https://", "wss://")):
        if url.startswith(plain):
            return scheme + url.removeprefix(plain)
    return url


def _progress(length: float, calls: int) -> Callable[[float], None]:
    """Return what shows how far calls are: a line that is rewritten, or a few lines."""
    terminal = sys.stderr.isatty()
    what = "call" if calls == 1 else f"{calls} calls"
    every = 1.0 if terminal else max(10.0, length / PROGRESS_LINES)
    due = every

    def show(seconds: float) -> None:
        nonlocal due
        if seconds < due:
            return
        due = seconds + every
        text = f"{what}: {seconds:.0f} of {length:.0f} s"
        if terminal:
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
        else:
            _tell(text)

    return show


def _tell(line: str) -> None:
    """Say something to the person; a line of progress gives way to it."""
    print(f"\r\033[K{line}" if sys.stderr.isatty() else line, file=sys.stderr, flush=True)


# deepgram


def _deepgram(arguments: argparse.Namespace) -> int:
    return asyncio.run(_serve_deepgram(arguments))


async def _serve_deepgram(arguments: argparse.Namespace) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if arguments.stop_at_eof:
        # Before the model is loaded: whoever started us may be gone by then.
        stdin.watch_standard_input(stop)
    make_recogniser: RecogniserFactory
    if arguments.script is not None:
        make_recogniser = Scripted(_script(arguments.script))
    elif arguments.recogniser == "scripted":
        make_recogniser = Scripted()
    else:
        _tell("loading the recogniser …")
        make_recogniser = await asyncio.to_thread(load_moonshine)
    conduct = _conduct(arguments)
    async with DeepgramStandIn(
        make_recogniser,
        host=arguments.host,
        port=arguments.port,
        key=_key() if arguments.check_key else None,
        conduct=conduct,
        keep=False,
        record=arguments.record,
        report=_tell,
    ) as stand_in:
        print(f"DEEPGRAM_URL={stand_in.url}", flush=True)
        await stop.wait()
    return 0


def _conduct(arguments: argparse.Namespace) -> Callable[[int], Conduct]:
    """Return how each connection is treated, by its number."""
    if arguments.faults is not None:
        try:
            return read_conducts(arguments.faults.read_text())
        except (BadScript, UnicodeDecodeError) as exc:
            raise BadScript(f"{arguments.faults}: {exc}") from exc
    conduct = Conduct(
        refuse=None if arguments.refuse is None else Refusal(arguments.refuse),
        max_speed=SERVICE_SPEED if arguments.throttle else None,
        drop_after=arguments.drop_after,
        drop_after_audio=arguments.drop_after_audio,
        drop_code=arguments.drop_code,
        drop_reason=arguments.drop_reason,
        mute_after=arguments.mute_after,
        answer_delay=arguments.answer_delay,
        last_delay=arguments.last_delay,
        never_close=arguments.never_close,
    )
    first = arguments.first
    return lambda number: conduct if first is None or number < first else Conduct()


def _key() -> str:
    key = os.environ.get("DEEPGRAM_API_KEY", "").strip()
    if not key:
        raise RehearsalError("--check-key needs DEEPGRAM_API_KEY in the environment")
    return key


# recognise


def _recognise(arguments: argparse.Namespace) -> int:
    recordings = [(path, audio.read(path)) for path in arguments.files]
    make_recogniser = load_moonshine() if arguments.recogniser == "moonshine" else Scripted()
    for path, samples in recordings:
        progress = _percent(path) if sys.stderr.isatty() else None
        segments = recognise(
            samples, make_recogniser, endpointing=arguments.endpointing, progress=progress
        )
        if progress is not None:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
        if arguments.json:
            print(json.dumps(_as_json(path, segments), ensure_ascii=False), flush=True)
            continue
        if len(arguments.files) > 1:
            print(f"== {path}")
        for segment in segments:
            start, end = segment.words[0].start, segment.words[-1].end
            print(f"{start:7.2f} {end:7.2f}  {segment.text}", flush=True)
    return 0


def _as_json(path: str, segments: list[Segment]) -> dict[str, object]:
    return {
        "file": path,
        "transcript": transcript(segments),
        "finals": [
            {
                "start": segment.start / audio.SAMPLE_RATE,
                "end": segment.end / audio.SAMPLE_RATE,
                "transcript": segment.text,
                "words": [
                    {
                        "word": word.plain,
                        "start": word.start,
                        "end": word.end,
                        "confidence": word.confidence,
                        "punctuated_word": word.text,
                    }
                    for word in segment.words
                ],
            }
            for segment in segments
        ],
    }


def _percent(path: str) -> Callable[[float], None]:
    def show(share: float) -> None:
        print(f"\r\033[K{path}: {share:.0%}", end="", file=sys.stderr, flush=True)

    return show


# Arguments


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog, description="Stand-ins for Twilio and Deepgram, to rehearse without accounts."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_call(commands.add_parser("call", help="replay a recorded call, as Twilio would send it"))
    _add_deepgram(commands.add_parser("deepgram", help="answer as Deepgram would"))
    _add_recognise(commands.add_parser("recognise", help="transcribe recordings, in this process"))
    return parser


def _add_call(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Replay a recorded call to a server, as Twilio's media stream of both tracks, in real "
        "time. The handshake is signed with TWILIO_AUTH_TOKEN from the environment. Exits with 1 "
        "if the server refuses the stream, closes it, reads too slowly or sends something on it."
    )
    parser.add_argument(
        "url", metavar="URL", help="of the media stream, such as ws://HOST:PORT/twilio"
    )
    recordings = parser.add_argument_group(
        "recordings", "WAV (mu-law or 16-bit PCM) or raw .ulaw; mono, 8 kHz"
    )
    recordings.add_argument(
        "--caller",
        default=SPEECH / "caller.wav",
        metavar="FILE",
        help="the inbound track (default: one side of a support call of two minutes)",
    )
    recordings.add_argument(
        "--callee",
        default=SPEECH / "callee.wav",
        metavar="FILE",
        help="the outbound track (default: its other side)",
    )
    recordings.add_argument(
        "--only", choices=["inbound", "outbound"], help="the other track never sends"
    )
    recordings.add_argument(
        "--outbound-delay",
        type=_number(0, 3600),
        default=OUTBOUND_DELAY,
        metavar="S",
        help="outbound begins so many seconds later (default: %(default)s)",
    )
    parser.add_argument(
        "--speed",
        type=_number(0.01, 1000),
        default=1.0,
        metavar="X",
        help="times real time (default: 1)",
    )
    parser.add_argument(
        "--calls", type=_count, default=1, metavar="N", help="place so many at once (default: 1)"
    )
    names = parser.add_argument_group("names", "what the stream says of the call")
    names.add_argument("--call-sid", type=_sid("CA"), metavar="CA…", help="default: a random one")
    names.add_argument("--account-sid", type=_sid("AC"), metavar="AC…", help="likewise")
    names.add_argument(
        "--from", dest="from_", default=CALLER, metavar="NUMBER", help="default: %(default)s"
    )
    names.add_argument("--to", default=CALLEE, metavar="NUMBER", help="default: %(default)s")
    names.add_argument("--direction", default="inbound", help="default: %(default)s")
    faults = parser.add_argument_group("what Twilio may do, and a server must bear")
    faults.add_argument(
        "--signed-url",
        metavar="URL",
        help="sign this URL instead: the <Stream url> of a server behind a proxy",
    )
    faults.add_argument(
        "--signature",
        type=Signature,
        choices=list(Signature),
        default=Signature.RIGHT,
        help="slash: of the URL with a slash behind it (default: %(default)s)",
    )
    faults.add_argument(
        "--hang-up",
        type=HangUp,
        choices=list(HangUp),
        default=HangUp.STOP,
        help="close: without a stop message; reset: the path breaks (default: %(default)s)",
    )
    faults.add_argument(
        "--chunks-per-track",
        action="store_true",
        help="number the chunks of each track by themselves; which Twilio does is not known",
    )
    faults.add_argument(
        "--lost",
        type=_number(0, 100),
        default=0.0,
        metavar="PERCENT",
        help="so many of the frames never come",
    )
    faults.add_argument(
        "--stall",
        type=_stall,
        action="append",
        default=[],
        metavar="AT,SECONDS[,TRACK]",
        help="nothing comes from then for so long, of both tracks or one, and then a burst; "
        "may be given more than once",
    )
    faults.add_argument(
        "--suppress-silence", action="store_true", help="send nothing while a side is silent"
    )
    faults.add_argument(
        "--frame-ms",
        type=_frame_sizes,
        default=(FRAME_MS,),
        metavar="MS[,MS…]",
        help="sizes of the frames, taken in turn (default: 20)",
    )
    parser.set_defaults(run=_call)


def _add_deepgram(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Answer live transcription as Deepgram would, at /v1/listen. Prints a line "
        "DEEPGRAM_URL=ws://… once it listens; set that for the service. Ends with Ctrl-C."
    )
    parser.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    parser.add_argument("--port", type=_port, default=0, help="default: a free one")
    results = parser.add_mutually_exclusive_group()
    results.add_argument(
        "--recogniser",
        choices=["moonshine", "scripted"],
        default="moonshine",
        help="scripted: results that name the audio, at hardly any cost (default: %(default)s)",
    )
    results.add_argument(
        "--script",
        metavar="FILE",
        help='fixed results: {"0": [{"start": 1.0, "end": 2.5, "text": "Hello."}], "1": []}, '
        "by channel, in seconds of audio",
    )
    parser.add_argument(
        "--check-key",
        action="store_true",
        help="ask for the key in DEEPGRAM_API_KEY; else any key will do",
    )
    faults = parser.add_argument_group("what Deepgram may do, and a client must bear")
    faults.add_argument(
        "--throttle",
        action="store_true",
        help=f"read no faster than {SERVICE_SPEED} times real time, as the service does",
    )
    faults.add_argument(
        "--refuse",
        type=_status,
        metavar="STATUS",
        help="refuse connections with this HTTP status, such as 429",
    )
    seconds = _number(0, 86_400)
    faults.add_argument(
        "--drop-after", type=seconds, metavar="S", help="drop a connection after so many seconds"
    )
    faults.add_argument(
        "--drop-after-audio", type=seconds, metavar="S", help="or after so many seconds of audio"
    )
    faults.add_argument(
        "--drop-code",
        type=_whole(1000, 4999),
        metavar="CODE",
        help="drop it with this close code, such as 1011 (default: without a close frame)",
    )
    faults.add_argument("--drop-reason", default="", metavar="TEXT", help="and with this reason")
    faults.add_argument(
        "--mute-after",
        type=seconds,
        metavar="S",
        help="say nothing more after so many seconds of audio; 0: never answer",
    )
    faults.add_argument(
        "--answer-delay",
        type=seconds,
        default=0.0,
        metavar="S",
        help="say everything so much later",
    )
    faults.add_argument(
        "--last-delay",
        type=seconds,
        default=0.0,
        metavar="S",
        help="say what CloseStream asks for so much later",
    )
    faults.add_argument(
        "--never-close", action="store_true", help="leave the connection open at its end"
    )
    faults.add_argument(
        "--first",
        type=_count,
        metavar="N",
        help="treat only the first N connections so, and the others well",
    )
    faults.add_argument(
        "--faults",
        type=Path,
        metavar="FILE",
        help="instead: what is done to each connection in turn, as JSON, such as "
        '[{"refuse": 503}, {"drop_after": 20, "drop_code": 1011}, {}]',
    )
    parser.add_argument(
        "--record", type=Path, metavar="DIR", help="write the audio of each connection there, raw"
    )
    parser.add_argument(
        "--stop-at-eof",
        action="store_true",
        help="also stop when standard input ends, for a supervisor that holds its other end",
    )
    parser.set_defaults(run=_deepgram)


def _add_recognise(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Transcribe telephone recordings with the recogniser of the Deepgram stand-in, without "
        "a call: what a live transcript of the same audio can be compared with. Prints start, "
        "end (seconds) and text of each final result."
    )
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="WAV (mu-law or 16-bit PCM) or .ulaw; mono, 8 kHz"
    )
    parser.add_argument(
        "--recogniser",
        choices=["moonshine", "scripted"],
        default="moonshine",
        help="as of the stand-in (default: %(default)s)",
    )
    parser.add_argument(
        "--endpointing",
        type=_whole(1, 10_000),
        default=ENDPOINTING_MS,
        metavar="MS",
        help="the pause that ends an utterance (default: %(default)s, as the service asks for)",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object for each file")
    parser.set_defaults(run=_recognise)


def _number(least: float, most: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least} to {most}")
        return value

    return parse


def _whole(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and least <= int(text[:9]) <= most):
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a whole number from {least} to {most}"
            )
        return int(text)

    return parse


_count = _whole(1, 1000)
_port = _whole(0, 65_535)
_status = _whole(400, 599)


def _stall(text: str) -> Stall:
    at, _, rest = text.partition(",")
    lasts, _, track = rest.partition(",")
    if track not in ("", "inbound", "outbound"):
        raise argparse.ArgumentTypeError(f"{track!r} is neither inbound nor outbound")
    seconds = _number(0, 86_400)
    return Stall(seconds(at), seconds(lasts), track or None)


def _frame_sizes(text: str) -> tuple[int, ...]:
    return tuple(_whole(1, 1000)(size) for size in text.split(","))


def _sid(prefix: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        digits = text.removeprefix(prefix)
        if digits == text or len(digits) != 32 or set(digits) - set("0123456789abcdef"):
            raise argparse.ArgumentTypeError(f"{text!r} is not {prefix} and 32 hex digits")
        return text

    return parse


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
