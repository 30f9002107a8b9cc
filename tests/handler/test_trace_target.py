"""handler/trace_target.py: OpenTelemetry's variables, as its own libraries read them."""

import pytest

from handler.trace_target import OF_ALL, OF_TRACES, TraceTarget, read_target

COLLECTOR = {OF_ALL: "http://c:4318"}


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, None),
        (COLLECTOR, "http://c:4318/v1/traces"),
        ({OF_ALL: "https://c/otlp/"}, "https://c/otlp/v1/traces"),
        ({**COLLECTOR, OF_TRACES: "http://d:4318/spans"}, "http://d:4318/spans"),
        ({**COLLECTOR, "OTEL_SDK_DISABLED": "True"}, None),
        ({**COLLECTOR, "OTEL_TRACES_EXPORTER": "none"}, None),
        ({**COLLECTOR, "OTEL_TRACES_EXPORTER": "console, otlp"}, "http://c:4318/v1/traces"),
        ({**COLLECTOR, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, "http://c:4318/v1/traces"),
        (
            {
                **COLLECTOR,
                "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
                "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
            },
            "http://c:4318/v1/traces",
        ),
    ],
)
def test_traces_go_where_the_variables_say(given, url):
    assert read_target(given.get) == TraceTarget(url)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (OF_ALL, "localhost:4317"),
        (OF_ALL, "http://[c"),
        (OF_TRACES, "grpc://c:4317"),
        (OF_TRACES, "http:///v1/traces"),
        (OF_TRACES, "http://c:4318/?a=b"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
    ],
)
def test_what_cannot_be_done_is_a_problem_that_names_its_variable(name, value):
    target = read_target({**COLLECTOR, name: value}.get)
    assert target.url is None
    assert target.problem.startswith(f"{name}: ")


def test_no_password_is_shown():
    assert "secret" not in repr(read_target({OF_ALL: "http://u:secret@c"}.get))
