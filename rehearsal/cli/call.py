"""``partyline rehearse call``: replay a recorded call, as Twilio would send it."""

import argparse
import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace

from rehearsal import audio
from rehearsal.cli.arguments import COUNT, frame_sizes, number_in, one_of, sid_of, stall
from rehearsal.cli.credentials import auth_token
from rehearsal.cli.tell import tell
from rehearsal.cli.twilio import add_account, add_delivery, add_reach, add_recordings
from rehearsal.errors import CallFailed, HandshakeRefused
from rehearsal.frames import FRAME_MS
from rehearsal.sample import CALLEE, CALLER, OUTBOUND_DELAY
from rehearsal.twilio import HangUp, Options, Report, Signature, place_call

PROGRESS_LINES = 10  # in a call, where standard error is no terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Replay a recorded call to a server, as Twilio's media stream of both tracks, in real "
        "time: the stream alone, or a whole call by a voice webhook. Requests are signed with "
        "TWILIO_AUTH_TOKEN from the environment. Exits with 1 if the server refuses one, closes "
        "the stream, reads too slowly or sends something on it."
    )
    asked = parser.add_mutually_exclusive_group(required=True)
    asked.add_argument(
        "url",
        nargs="?",
        metavar="URL",
        help="of the media stream, such as ws://HOST:PORT/twilio",
    )
    asked.add_argument(
        "--webhook",
        metavar="URL",
        help="instead: a voice URL, whose TwiML says where the media stream leads",
    )
    voice = parser.add_argument_group(
        "calls by a webhook",
        "nobody speaks before somebody who is dialled answers, or a <Pause>",
    )
    voice.add_argument(
        "--status-callback", default="", metavar="URL", help="who is told of the call's end"
    )
    add_reach(voice)
    add_delivery(voice)
    recordings = parser.add_argument_group(
        "recordings", "WAV (mu-law or 16-bit PCM) or raw .ulaw; mono, 8 kHz"
    )
    add_recordings(recordings, caller="the inbound track", callee="the outbound track")
    recordings.add_argument(
        "--only", choices=["inbound", "outbound"], help="the other track never sends"
    )
    recordings.add_argument(
        "--outbound-delay",
        type=number_in(0, 3600),
        default=OUTBOUND_DELAY,
        metavar="S",
        help="outbound begins so many seconds later (default: %(default)s)",
    )
    parser.add_argument(
        "--speed",
        type=number_in(0.01, 1000),
        default=1.0,
        metavar="X",
        help="times real time (default: 1)",
    )
    parser.add_argument(
        "--calls", type=COUNT, default=1, metavar="N", help="place so many at once (default: 1)"
    )
    names = parser.add_argument_group("names", "what the stream says of the call")
    names.add_argument("--call-sid", type=sid_of("CA"), metavar="CA…", help="default: a random one")
    add_account(names)
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
        type=one_of(Signature),
        choices=list(Signature),
        default=Signature.RIGHT,
        help="slash: of the URL with a slash behind it (default: %(default)s)",
    )
    faults.add_argument(
        "--hang-up",
        type=one_of(HangUp),
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
        type=number_in(0, 100),
        default=0.0,
        metavar="PERCENT",
        help="so many of the frames never come",
    )
    faults.add_argument(
        "--stall",
        type=stall,
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
        type=frame_sizes,
        default=(FRAME_MS,),
        metavar="MS[,MS…]",
        help="sizes of the frames, taken in turn (default: 20)",
    )
    parser.set_defaults(run=_call)


def _call(arguments: argparse.Namespace) -> int:
    inbound = b"" if arguments.only == "outbound" else audio.read(arguments.caller)
    outbound = b"" if arguments.only == "inbound" else audio.read(arguments.callee)
    return asyncio.run(_place_calls(arguments, inbound, outbound))


async def _place_calls(arguments: argparse.Namespace, inbound: bytes, outbound: bytes) -> int:
    token = auth_token()
    if not token and arguments.signature is not Signature.NONE:
        tell("TWILIO_AUTH_TOKEN is not set: the handshake is not signed")
    common = Options(
        auth_token=token,
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
    if arguments.webhook is not None:
        from rehearsal.cli import calls as placed  # noqa: PLC0415  as in cli/twilio.py

        return await placed.place(arguments, common, inbound, outbound)
    url = _websocket(arguments.url)
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
        tell(f"{options.call_sid}: calling {url}, {length:.0f} s")
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
            advice = (
                "; are TWILIO_AUTH_TOKEN and TWILIO_ACCOUNT_SID the server's, and its public URL "
                "what was signed?"
            )
        tell(f"{options.call_sid}: {exc}{advice}")
        return 1
    tell(f"{options.call_sid}: {_summary(report)}")
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
            tell(text)

    return show
