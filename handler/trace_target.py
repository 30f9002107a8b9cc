"""
Where traces go, by OpenTelemetry's own variables. Pure.

Platforms set them for all that runs on them, so nothing of it ends a start: what we cannot do is a
problem, in words.
Source: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ and
https://opentelemetry.io/docs/specs/otel/protocol/exporter/
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from handler import addresses

OTLP = "http/protobuf"
OF_TRACES, OF_ALL = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"
PATH = "/v1/traces"  # under the address that is for all signals


@dataclass(frozen=True, slots=True)
class TraceTarget:
    """
    Where traces go.

    Attributes:
        url: Of the collector's endpoint for traces; None: there are none.
        problem: Why there are none although they are wished for; empty if there is no reason.
    """

    url: str | None = field(default=None, repr=False)  # it may hold a password
    problem: str = ""


def read_target(given: Callable[[str], str | None]) -> TraceTarget:
    """Read where traces go; ``given`` returns a variable, None if it is not set."""
    exporters = (given("OTEL_TRACES_EXPORTER") or "otlp").split(",")
    disabled = (given("OTEL_SDK_DISABLED") or "").lower() == "true"
    name = OF_TRACES if given(OF_TRACES) is not None else OF_ALL
    text = given(name)
    if text is None or disabled or "otlp" not in map(str.strip, exporters):
        return TraceTarget()
    if (problem := _problem_of(text)) is not None:
        return TraceTarget(problem=f"{name}: {problem}")
    for protocol in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        if (spoken := given(protocol)) is not None:
            if spoken != OTLP:
                return TraceTarget(
                    problem=f"{protocol}: only {OTLP} is spoken, at port 4318 of most collectors"
                )
            break
    return TraceTarget(text if name == OF_TRACES else text.rstrip("/") + PATH)


def _problem_of(text: str) -> str | None:
    try:
        url = addresses.read(text)
    except ValueError as exc:
        return str(exc)
    if url.scheme not in ("http", "https") or not url.hostname or url.query or url.fragment:
        return f"{addresses.shown(text)!r} is not like http://collector:4318"
    return None
