"""``partyline rehearse recognise``: transcribe recordings in this process."""

import argparse
import json
import sys
from collections.abc import Callable

from rehearsal import audio
from rehearsal.cli.arguments import whole_in
from rehearsal.recognise import ENDPOINTING_MS, load_moonshine, recognise, transcript
from rehearsal.scripted import Scripted
from rehearsal.segments import Segment


def add_arguments(parser: argparse.ArgumentParser) -> None:
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
        type=whole_in(1, 10_000),
        default=ENDPOINTING_MS,
        metavar="MS",
        help="the pause that ends an utterance (default: %(default)s, as the service asks for)",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object for each file")
    parser.set_defaults(run=_recognise)


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
