"""``partyline rehearse deepgram``: answer as Deepgram would."""

import argparse
import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from rehearsal.cli.arguments import COUNT, PORT, STATUS, number_in, whole_in
from rehearsal.cli.stopping import add_stop_at_eof, told_to_stop
from rehearsal.cli.tell import tell
from rehearsal.deepgram import DeepgramStandIn
from rehearsal.errors import BadScript, Refusal, RehearsalError
from rehearsal.faults import Faults, read_faults
from rehearsal.recognise import load_moonshine
from rehearsal.scripted import Line, Scripted, read_script
from rehearsal.segments import RecogniserFactory

# What the service throttles to.
SERVICE_SPEED = 1.25


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Answer live transcription as Deepgram would, at /v1/listen. Prints a line "
        "DEEPGRAM_URL=ws://… once it listens; set that for the service. Ends with Ctrl-C."
    )
    parser.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    parser.add_argument("--port", type=PORT, default=0, help="default: a free one")
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
        type=STATUS,
        metavar="STATUS",
        help="refuse connections with this HTTP status, such as 429",
    )
    seconds = number_in(0, 86_400)
    faults.add_argument(
        "--drop-after", type=seconds, metavar="S", help="drop a connection after so many seconds"
    )
    faults.add_argument(
        "--drop-after-audio", type=seconds, metavar="S", help="or after so many seconds of audio"
    )
    faults.add_argument(
        "--drop-code",
        type=whole_in(1000, 4999),
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
        type=COUNT,
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
    add_stop_at_eof(parser)
    parser.set_defaults(run=_deepgram)


def _deepgram(arguments: argparse.Namespace) -> int:
    return asyncio.run(_serve_deepgram(arguments))


async def _serve_deepgram(arguments: argparse.Namespace) -> int:
    # Before the model is loaded: whoever started us may be gone by then.
    stop = told_to_stop(at_eof=arguments.stop_at_eof)
    make_recogniser: RecogniserFactory
    if arguments.script is not None:
        make_recogniser = Scripted(_script(arguments.script))
    elif arguments.recogniser == "scripted":
        make_recogniser = Scripted()
    else:
        tell("loading the recogniser …")
        make_recogniser = await asyncio.to_thread(load_moonshine)
    faults = _faults(arguments)
    async with DeepgramStandIn(
        make_recogniser,
        host=arguments.host,
        port=arguments.port,
        key=_key() if arguments.check_key else None,
        faults=faults,
        keep=False,
        record=arguments.record,
        report=tell,
    ) as stand_in:
        print(f"DEEPGRAM_URL={stand_in.url}", flush=True)
        await stop.wait()
    return 0


def _faults(arguments: argparse.Namespace) -> Callable[[int], Faults]:
    """Return how each connection is treated, by its number."""
    if arguments.faults is not None:
        try:
            return read_faults(arguments.faults.read_text())
        except (BadScript, UnicodeDecodeError) as exc:
            raise BadScript(f"{arguments.faults}: {exc}") from exc
    faults = Faults(
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
    return lambda number: faults if first is None or number < first else Faults()


def _key() -> str:
    key = os.environ.get("DEEPGRAM_API_KEY", "").strip()
    if not key:
        raise RehearsalError("--check-key needs DEEPGRAM_API_KEY in the environment")
    return key


def _script(path: str) -> list[Line]:
    try:
        return read_script(Path(path).read_text())
    except (BadScript, UnicodeDecodeError) as exc:
        raise BadScript(f"{path}: {exc}") from exc
