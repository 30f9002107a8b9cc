"""
What a handshake with Deepgram asks for in its query, checked in the service's words. Pure.

Source: https://developers.deepgram.com/reference/speech-to-text/listen-streaming
"""

from dataclasses import dataclass
from urllib.parse import parse_qsl

from rehearsal.audio import SAMPLE_RATE
from rehearsal.errors import Refusal

# What the default of the service (10 ms) and `endpointing=true` mean.
DEFAULT_ENDPOINTING = 10
SHORTEST_UTTERANCE_END_MS = 1000
BOOLEANS = frozenset(
    {
        "diarize",
        "dictation",
        "filler_words",
        "interim_results",
        "mip_opt_out",
        "multichannel",
        "no_delay",
        "numerals",
        "profanity_filter",
        "punctuate",
        "smart_format",
        "vad_events",
    }
)


@dataclass(frozen=True, slots=True)
class Options:
    """
    What a query asks for.

    ``endpointing`` and ``utterance_end_ms`` are None where they are off.
    """

    model: str
    channels: int
    interim_results: bool
    endpointing: int | None
    utterance_end_ms: int | None
    vad_events: bool
    punctuate: bool


def parse_query(query: str) -> Options:
    """
    Read and check the query of a handshake, as the service would. Unknown parameters are ignored.

    Raises:
        Refusal: with the status and words of the service.
    """
    asked = dict(parse_qsl(query, keep_blank_values=True))
    for name in BOOLEANS & asked.keys():
        # SDKs before mid-2026 sent True and False.
        if asked[name].lower() not in ("true", "false"):
            raise _invalid(asked, name)
    model = asked.get("model", "base")
    _check_vocabulary(asked, model)
    if "diarize" in asked and "diarize_model" in asked:
        raise Refusal(400, "`diarize` and `diarize_model` cannot be used together.")
    return Options(
        model=model,
        channels=_channels(asked),
        interim_results=_true(asked, "interim_results"),
        endpointing=_endpointing(asked),
        utterance_end_ms=_utterance_end(asked),
        vad_events=_true(asked, "vad_events"),
        punctuate=_true(asked, "punctuate") or _true(asked, "smart_format"),
    )


def _check_vocabulary(asked: dict[str, str], model: str) -> None:
    if "keywords" in asked and model.startswith("nova-3"):
        raise Refusal(400, "Keywords are not supported for Nova-3. Please use `keyterm` instead.")
    if "keyterm" in asked and not model.startswith("nova-3"):
        raise Refusal(400, "Keyterm prompting is supported for Nova-3 only.")


def _channels(asked: dict[str, str]) -> int:
    """Read the format of the audio. Narrower than the service: telephone audio only."""
    if (asked.get("encoding"), asked.get("sample_rate")) != ("mulaw", str(SAMPLE_RATE)):
        raise Refusal(400, f"this stand-in takes encoding=mulaw&sample_rate={SAMPLE_RATE} only.")
    channels = _whole(asked, "channels", default=1)
    if channels not in (1, 2):
        raise Refusal(400, "this stand-in takes one channel or two.")
    if channels == 2 and not _true(asked, "multichannel"):
        raise Refusal(400, "this stand-in takes channels=2 with multichannel=true only.")
    return channels


def _endpointing(asked: dict[str, str]) -> int | None:
    match asked.get("endpointing", "true").lower():
        case "false":
            return None
        case "true":
            return DEFAULT_ENDPOINTING
        case _:
            return _whole(asked, "endpointing")


def _utterance_end(asked: dict[str, str]) -> int | None:
    if "utterance_end_ms" not in asked:
        return None
    pause = _whole(asked, "utterance_end_ms")
    if pause < SHORTEST_UTTERANCE_END_MS:
        raise _invalid(asked, "utterance_end_ms")
    return pause


def _true(asked: dict[str, str], name: str) -> bool:
    return asked.get(name, "false").lower() == "true"


def _whole(asked: dict[str, str], name: str, default: int = 0) -> int:
    text = asked.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise _invalid(asked, name)
    return int(text)


def _invalid(asked: dict[str, str], name: str) -> Refusal:
    # The text ends up in a header: what cannot stand there does not come back.
    value = "".join(c for c in asked[name][:40] if c.isascii() and c.isprintable())
    return Refusal(400, f"Invalid '{name}' value of '{value}'.", "INVALID_QUERY_PARAMETER")
