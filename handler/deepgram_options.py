"""
What Deepgram's live endpoint is asked for: DEEPGRAM_OPTIONS over our defaults, a call's own over
both. Pure.

Refused at the start is what Deepgram would refuse each call for, or silently do nothing about. Of a
call's own that is left out, and said: the call goes on without it.
Source: https://developers.deepgram.com/reference/speech-to-text/listen-streaming
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from broker.printable import shown

Pairs = tuple[tuple[str, str], ...]

# DEEPGRAM_OPTIONS merges over these.
DEFAULTS: Pairs = (
    ("model", "nova-3"),
    ("endpointing", "300"),  # ms of silence that end an utterance; Deepgram's 10 ms chops phrases
    ("utterance_end_ms", "1000"),  # the smallest value that Deepgram takes
    ("smart_format", "true"),
)
# What the audio path depends on stays ours.
FIXED: Pairs = (
    ("encoding", "mulaw"),
    ("sample_rate", "8000"),
    ("channels", "2"),
    ("multichannel", "true"),
    ("interim_results", "true"),
)
FORBIDDEN = frozenset(name for name, _ in FIXED) | {"callback", "callback_method"}
REPEATED = frozenset(
    {"extra", "keyterm", "keywords", "language_hint", "redact", "replace", "search", "tag"}
)
SWITCHES = frozenset(
    {
        "detect_entities",
        "diarize",
        "dictation",
        "filler_words",
        "mip_opt_out",
        "no_delay",
        "numerals",
        "profanity_filter",
        "punctuate",
        "smart_format",
        "vad_events",
    }
)
# Deepgram has them for recordings alone.
BATCH = frozenset({"detect_language", "intents", "sentiment", "summarize", "topics"})

MIN_UTTERANCE_END_MS = 1000
MAX_KEYTERM_TOKENS = 500  # of all together; a word is a token or more
MAX_TAG = 128
MAX_EXTRA = 2048
NAME = re.compile(r"[a-z][a-z0-9_]*")
MODEL = re.compile(r"[a-z0-9][a-z0-9._-]*")
LANGUAGE = re.compile(r"multi|[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
EXAMPLE = "model=nova-2-phonecall&language=en-US"
NAMES_EXAMPLE = "language,model,keyterm"
# Of what a call asks for in vain, how much is told: a problem is a sentence, and so are a few.
MAX_PROBLEM = 200
MAX_PROBLEMS = 5


@dataclass(frozen=True, slots=True)
class CallOptions:
    """
    What one call's connections ask Deepgram for.

    Attributes:
        pairs: The service's own, with the call's over them; None if none of the call's is used.
        problems: What was left out of the call's, and why, for people.
    """

    pairs: Pairs | None = None
    problems: tuple[str, ...] = ()


def deepgram_options(query: str) -> Pairs:
    """
    Merge a query string such as ``model=nova-2-phonecall&keyterm=Northwind`` over our defaults.

    Raises:
        ValueError: it sets what is ours alone, or what Deepgram would not do; says what instead.
    """
    given = [pair for part in _parts(query) for pair in _pair(part)]
    names = [name for name, _ in given]
    if fixed := sorted(set(names) & FORBIDDEN):
        raise ValueError(f"{', '.join(fixed)}: set by the service itself; leave it out")
    if batch := sorted(set(names) & BATCH):
        raise ValueError(f"{', '.join(batch)}: for recordings only; leave it out")
    if twice := sorted({name for name in names if names.count(name) > 1} - REPEATED):
        raise ValueError(f"{', '.join(twice)}: given twice; say it once")
    merged = _over(DEFAULTS, given)
    for name, value in merged:
        if problem := CHECKS.get(name, _anything)(value):
            raise ValueError(f"{name}: {problem}")
    if contradiction := next(_contradictions(merged), None):
        raise ValueError(contradiction[0])
    return (*merged, *FIXED)


def option_names(text: str) -> frozenset[str]:
    """
    Read which options a call may set for itself: names such as ``language,model,keyterm``.

    Raises:
        ValueError: one is no name of an option, or none that may vary; says what instead.
    """
    names = [name for name in re.split(r"[,\s]+", text) if name]
    for name in names:
        if name == "*":
            raise ValueError(f"'*': name each option that a call may set, as in {NAMES_EXAMPLE}")
        if not NAME.fullmatch(name):
            lower = name.lower()
            hint = f"; say {lower}" if NAME.fullmatch(lower) else ""
            raise ValueError(
                f"{name[:40]!r} is no name of an option{hint}. Names are in lower case, joined by "
                f"commas, as in {NAMES_EXAMPLE}"
            )
    if fixed := sorted(FORBIDDEN.intersection(names)):
        raise ValueError(f"{', '.join(fixed)}: set by the service itself; leave it out")
    if batch := sorted(BATCH.intersection(names)):
        raise ValueError(f"{', '.join(batch)}: for recordings only; leave it out")
    return frozenset(names)


def call_options(query: str, own: Pairs, allowed: Collection[str]) -> CallOptions:
    """
    Merge what a call asks for over the service's own options, as far as it may and can be.

    Each option is read by itself: one that is malformed, not allowed, or that Deepgram would
    refuse is left out, and so is one that contradicts others. An option that is given replaces
    the service's of that name, however often it is there.

    Args:
        query: Of the call, such as ``language=de&keyterm=Northwind``.
        own: The service's options, :data:`FIXED` included.
        allowed: Names of those that a call may set.
    """
    given: list[tuple[str, str]] = []
    problems: list[str] = []
    for part in query.removeprefix("?").split("&") if query.strip() else ():
        try:
            for name, value in _pair(part):
                _check_own(name, value, allowed)
                given.append((name, value))
        except ValueError as exc:
            problems.append(str(exc))
    names = [name for name, _ in given]
    for name in sorted({name for name in names if names.count(name) > 1} - REPEATED):
        problems.append(f"{name}: given twice; say it once")
        given = [pair for pair in given if pair[0] != name]
    # Each turn leaves one out at least; the service's own were checked at the start.
    while contradiction := next(_contradictions(_over(own, given)), None):
        problem, involved = contradiction
        problems.append(problem)
        names = [name for name, _ in given]
        culprit = next(name for name in involved if name in names)
        given = [pair for pair in given if pair[0] != culprit]
    told = [shown(problem)[:MAX_PROBLEM] for problem in problems[:MAX_PROBLEMS]]
    if len(problems) > MAX_PROBLEMS:
        told.append(f"and {len(problems) - MAX_PROBLEMS} more")
    return CallOptions(tuple(_over(own, given)) if given else None, tuple(told))


def _check_own(name: str, value: str, allowed: Collection[str]) -> None:
    """Raise ValueError if a call may not, or cannot, have an option."""
    if name in FORBIDDEN:
        raise ValueError(f"{name}: set by the service itself")
    if name not in allowed:
        raise ValueError(f"{name}: not among the options that a call may set (CALL_OPTIONS)")
    if shown(value) != value:
        raise ValueError(f"{name}: holds characters that cannot be shown")
    if problem := CHECKS.get(name, _anything)(value):
        raise ValueError(f"{name}: {problem}")


def _over(own: Pairs, given: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Put options in the place of those of the same name."""
    names = {name for name, _ in given}
    return [pair for pair in own if pair[0] not in names] + given


def _parts(query: str) -> list[str]:
    if query.startswith("?"):
        raise ValueError(f"begins with ?: leave that out, as in {EXAMPLE}")
    return query.split("&") if query else []


def _pair(part: str) -> list[tuple[str, str]]:
    """Read one option; what is only nearly one is refused, with what it should be."""
    name, equals, value = part.partition("=")
    if not NAME.fullmatch(name):
        lower = name.strip().lower()
        hint = f"; say {lower}" if NAME.fullmatch(lower) else ""
        raise ValueError(
            f"{name[:40]!r} is no name of an option{hint}. It is like {EXAMPLE}, joined by &, "
            "names in lower case"
        )
    if not equals or not value.strip():
        raise ValueError(f"{name}: has no value; say {name}=…, or leave it out")
    if "=" in value:
        raise ValueError(f"{name}: options are joined by & alone, as in {EXAMPLE}")
    return parse_qsl(f"{name}={value}")


def _contradictions(pairs: list[tuple[str, str]]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """
    Yield what Deepgram would refuse of options that are good by themselves.

    Each with the names that it is about; first the one to do without.
    """
    options: Mapping[str, str] = dict(pairs)
    model, language = options["model"], options.get("language", "en")
    nova_3 = model.startswith("nova-3")
    if "keywords" in options and nova_3:
        yield "keywords: not with a nova-3 model; use keyterm", ("keywords", "model")
    if "keyterm" in options and not nova_3:
        yield "keyterm: only with a nova-3 model; use keywords", ("keyterm", "model")
    if sum(len(value.split()) for name, value in pairs if name == "keyterm") > MAX_KEYTERM_TOKENS:
        yield f"keyterm: more than {MAX_KEYTERM_TOKENS} words in all; leave some out", ("keyterm",)
    if "language_hint" in options and not (nova_3 and language == "multi"):
        yield (
            "language_hint: only with a nova-3 model and language=multi",
            ("language_hint", "language", "model"),
        )
    if model == "nova-2-phonecall" and not re.fullmatch("en(-US)?", language):
        yield (
            f"language: {language!r}, but nova-2-phonecall knows en and en-US alone",
            ("language", "model"),
        )
    if {"diarize", "diarize_model"} <= options.keys():
        yield "diarize and diarize_model: set one of them", ("diarize", "diarize_model")


def _model(value: str) -> str | None:
    if value.startswith("flux"):
        return f"{value!r} hears one channel, and a call has two: use a nova model, such as nova-3"
    if value.startswith("whisper"):
        return f"{value!r} cannot be streamed to: use a nova model, such as nova-3"
    if not MODEL.fullmatch(value):
        return f"{value[:40]!r} is no name of a model: they are lower case, such as nova-3"
    return None


def _language(value: str) -> str | None:
    if not LANGUAGE.fullmatch(value):
        return f"{value[:40]!r} is no code of a language, such as en-US, de or multi"
    return None


def _switch(value: str) -> str | None:
    # Deepgram's own packages have sent True and False.
    return None if value.lower() in ("true", "false") else f"{value[:40]!r} is not true or false"


def _endpointing(value: str) -> str | None:
    if value in ("true", "false") or (value.isascii() and value.isdecimal()):
        return None
    return f"{value[:40]!r} is no number of milliseconds, nor false"


def _utterance_end(value: str) -> str | None:
    if value.isascii() and value.isdecimal() and int(value) >= MIN_UTTERANCE_END_MS:
        return None
    return f"{value[:40]!r} is not a number of milliseconds of at least {MIN_UTTERANCE_END_MS}"


def _diarize_model(value: str) -> str | None:
    return None if value in ("latest", "v1") else f"{value[:40]!r} is not latest or v1"


def _at_most(length: int) -> Callable[[str], str | None]:
    def check(value: str) -> str | None:
        return f"longer than {length} characters" if len(value) > length else None

    return check


def _anything(_: str) -> str | None:
    return None


CHECKS: dict[str, Callable[[str], str | None]] = {
    "model": _model,
    "language": _language,
    "endpointing": _endpointing,
    "utterance_end_ms": _utterance_end,
    "diarize_model": _diarize_model,
    "tag": _at_most(MAX_TAG),
    "extra": _at_most(MAX_EXTRA),
    **dict.fromkeys(SWITCHES, _switch),
}
